"""Tasks: the table, where data come from, columns, labels, samples, tokens."""
