"""How a weight is laid out: which dimension is outputs and which inputs."""

from transformers.pytorch_utils import Conv1D


def matrices(values, module):
    """A view of a weight as matrices of shape (count, outputs, inputs): writing into it changes ``values``.

    Args:
        values: a contiguous tensor of two dimensions or more; of three or more, the first is outputs and the others are
            inputs (a convolution).
        module: its owner; GPT-2's ``Conv1D`` stores (inputs, outputs).
    """
    if isinstance(module, Conv1D):
        return values.T.unsqueeze(0)
    return values.flatten(1).unsqueeze(0)
