"""Norms by their effective scale, maps by their inputs, other parameters by their architecture: one by one."""
