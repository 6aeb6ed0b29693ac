"""Models: where weights come from, loading, the layer stack, heads and pooling, the embedded model."""
