"""A provider of models for hermes-host."""
