"""Git worktrees for conversations."""
