"""Tokens of a batch without its padding: where they lie, how they are put there and back, and attention on them."""

import dataclasses

import torch
from torch.nn import functional

from .draw import dropout as cheap_dropout

LONG = 48  # tokens of the longest sentence from which attention is worth doing in parts of similar length
PARTS = 4


class _Take(torch.autograd.Function):
    """Rows of a matrix by different indices; the gradient of the others is 0."""

    @staticmethod
    def forward(ctx, values, index):
        ctx.save_for_backward(index)
        ctx.rows = len(values)
        return values.index_select(0, index)

    @staticmethod
    def backward(ctx, gradient):
        (index,) = ctx.saved_tensors
        return _put(gradient, index, ctx.rows), None


class _Put(torch.autograd.Function):
    """The opposite: a matrix of zeros with these rows at different indices."""

    @staticmethod
    def forward(ctx, values, index, rows):
        ctx.save_for_backward(index)
        return _put(values, index, rows)

    @staticmethod
    def backward(ctx, gradient):
        (index,) = ctx.saved_tensors
        return gradient.index_select(0, index), None, None


def _put(values, index, rows):
    return values.new_zeros(rows, values.shape[1]).index_copy_(0, index, values)


@dataclasses.dataclass
class _Part:
    """Neighbouring sentences of the packed order, which attend together.

    Args:
        tokens: slice of the packed tokens.
        sentences, length: how many, and the tokens of the longest.
        index: where the tokens lie among sentences x length; None if all sentences are of one length.
        mask: which of these are real, tensor (sentences, 1, 1, length); None likewise.
    """

    tokens: slice
    sentences: int
    length: int
    index: torch.Tensor | None
    mask: torch.Tensor | None

    def spread(self, values):
        """(1, heads, all tokens, size) -> (sentences, heads, length, size)."""
        _, heads, _, size = values.shape
        rows = values[0].transpose(0, 1)[self.tokens].reshape(-1, heads * size)
        if self.index is not None:
            rows = _Put.apply(rows, self.index, self.sentences * self.length)
        return rows.view(self.sentences, self.length, heads, size).transpose(1, 2)

    def collect(self, values):
        """(sentences, heads, length, size) -> (tokens, heads, size)."""
        _, heads, _, size = values.shape
        rows = values.transpose(1, 2).reshape(-1, heads * size)
        if self.index is not None:
            rows = _Take.apply(rows, self.index)
        return rows.view(-1, heads, size)


class Packed:
    """Where the real tokens of a padded batch lie. Stands in the place of the attention mask within the layers.

    Packed, the sentences come one after the other, from the shortest to the longest.

    Args:
        mask: which tokens are real, tensor of bool (batch, tokens).
    """

    def __init__(self, mask):
        self.shape, lengths = mask.shape, mask.sum(1)
        order = torch.argsort(lengths, stable=True)
        places = torch.arange(mask.numel(), device=mask.device).view(mask.shape)[order]
        self.index = places[mask[order]]  # of each packed token in the padded batch
        self.parts = list(_parts(lengths[order].tolist(), mask.device))

    def pack(self, states):
        """(batch, tokens, hidden) -> (1, real tokens, hidden)."""
        return _Take.apply(states.flatten(0, 1), self.index).unsqueeze(0)

    def unpack(self, states):
        """(1, real tokens, hidden) -> (batch, tokens, hidden), with zeros for padding."""
        return _Put.apply(states[0], self.index, self.shape[0] * self.shape[1]).view(*self.shape, -1)

    def attend(self, query, key, value, scaling, p, cheap):
        """Attention of every sentence to itself.

        Args:
            query, key, value: tensors (1, heads, real tokens, size).
            scaling: what scores are multiplied by; None: 1 / sqrt(size).
            p: probability of dropout, 0 in evaluation.
            cheap: whether dropout is `draw.dropout`.

        Returns:
            tensor (1, real tokens, heads, size).
        """
        found = []
        for part in self.parts:
            given = map(part.spread, (query, key, value))
            found.append(part.collect(attention(*given, part.mask, scaling, p, cheap)))
        return (torch.cat(found) if len(found) > 1 else found[0]).unsqueeze(0)


def _parts(lengths, device):
    """The `_Part` of a batch whose sentences have these lengths, from the shortest to the longest."""
    count = PARTS if lengths[-1] >= LONG else 1
    size, start = -(-len(lengths) // count), 0
    for first in range(0, len(lengths), size):
        own = lengths[first : first + size]
        longest, tokens = own[-1], slice(start, start + sum(own))
        start = tokens.stop
        if own[0] == longest:
            yield _Part(tokens, len(own), longest, None, None)
        else:
            real = torch.arange(longest, device=device) < torch.tensor(own, device=device)[:, None]
            yield _Part(tokens, len(own), longest, real.flatten().nonzero()[:, 0], real[:, None, None, :])


def attention(query, key, value, mask, scaling, p, cheap):
    """Scaled dot-product attention, tensors (batch, heads, tokens, size); ``mask`` is True where a key counts."""
    if not (p and cheap):
        return functional.scaled_dot_product_attention(query, key, value, mask, p, scale=scaling)
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = (query * scaling) @ key.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return cheap_dropout(scores.softmax(-1).to(value.dtype), p) @ value
