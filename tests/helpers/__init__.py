"""Small real parts that several test files use."""
