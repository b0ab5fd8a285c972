"""A todo list for the agent, and questions to the user."""
