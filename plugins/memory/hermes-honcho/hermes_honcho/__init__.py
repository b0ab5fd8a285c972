"""User modelling across conversations with Honcho."""
