"""Conversations in one SQLite database, with an index for searching, titles, and recall of past conversations."""
