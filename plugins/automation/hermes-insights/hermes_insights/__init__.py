"""How the agent is used: conversations, tools, models, cost and habits."""
