"""Run commands and keep files in Daytona sandboxes."""
