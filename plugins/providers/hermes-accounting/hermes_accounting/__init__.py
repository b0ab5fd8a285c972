"""A ledger of every model call, usage reports and budgets."""
