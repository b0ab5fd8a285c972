"""Run commands and keep files in Modal sandboxes."""
