"""Run commands and background processes, judged on a parsed syntax tree."""
