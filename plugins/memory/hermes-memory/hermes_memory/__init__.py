"""Notes and a user profile that the agent keeps across conversations."""
