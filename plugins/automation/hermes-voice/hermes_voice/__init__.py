"""Spoken messages become text, and answers are read aloud."""
