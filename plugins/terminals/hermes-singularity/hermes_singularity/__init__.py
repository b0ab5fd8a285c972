"""The terminal backend `singularity`: commands and files in Apptainer or Singularity containers."""
