"""OpenAI's and Azure's models through the official SDK: Responses and chat completions."""
