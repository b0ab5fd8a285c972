"""Run commands and keep files in containers, with Docker or Podman."""
