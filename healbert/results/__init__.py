"""Results on disk: schema, reading, checks, the closing summary."""
