"""Time-outs, retries, fallback models, key rotation and routing around every model call."""
