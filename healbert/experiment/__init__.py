"""One run, start to end: load, damage, evaluate, heal, evaluate, write."""
