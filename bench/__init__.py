"""Measurements against floors that do the same work in the same run. Never part of the test run.

`python -m bench` measures everything; `python -m bench startup turn` some of it. The driver imports only the standard
library, so that it adds nothing to what it measures.
"""
