"""What is inside a model: features, probes by depth, t-SNE."""
