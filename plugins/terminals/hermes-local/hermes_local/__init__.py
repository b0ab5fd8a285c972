"""Run commands and keep files on this machine."""
