"""The terminal backend `ssh`: commands and files on another machine."""
