"""An OpenAI-compatible API in front of the agent, on the gateway's server."""
