"""The agent has a mailbox: mails start turns, and answers are mails in the same thread."""
