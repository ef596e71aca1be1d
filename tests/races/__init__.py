"""Real processes at once on one account."""
