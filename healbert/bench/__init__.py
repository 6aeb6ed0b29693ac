"""What this machine can do, what of it training here makes use of, and what a study will take."""
