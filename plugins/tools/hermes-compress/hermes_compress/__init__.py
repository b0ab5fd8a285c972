"""Summarise long conversations before they outgrow the model."""
