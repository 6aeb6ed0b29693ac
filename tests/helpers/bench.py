"""What a bench of the tiny BERT comes to, worked out by hand."""

HIDDEN, INNER, LAYERS, CLASSES = 32, 64, 4, 2  # of the tiny BERT


def flops_of_hand(tokens):
    """Of one text in training: forward, and twice as much backward; 2 for each multiplication and addition."""
    products = 2 * tokens * (4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER)
    attention = 2 * 2 * tokens * tokens * HIDDEN
    head = 2 * (HIDDEN * HIDDEN + HIDDEN * CLASSES)
    return 3 * (LAYERS * (products + attention) + head)
