"""Talk to the agent in Telegram."""
