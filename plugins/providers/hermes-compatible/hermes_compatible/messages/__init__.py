"""The Messages wire: Anthropic's format, which several other vendors speak as well. Not imported by the chat wire."""
