"""From results folders to groups, contrasts, claims and verdicts."""
