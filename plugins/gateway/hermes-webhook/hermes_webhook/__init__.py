"""Signed webhooks start turns, and answers are posted to addresses of yours."""
