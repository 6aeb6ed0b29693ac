"""Components are found in every architecture."""

import pytest
from helpers.architectures import ARCHITECTURES, NAMES, build

from healbert.damage.components import COMPONENTS
from healbert.models.layers import find_layers


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", [True, False], ids=["head", "bare"])
def test_embeddings_and_pooler(name, head):
    architecture, stack = ARCHITECTURES[name], find_layers(build(name, head))
    named = dict(stack.base.named_parameters())
    embeddings, pooler = COMPONENTS["embeddings"](stack), COMPONENTS["pooler"](stack)
    assert sorted(n for n, _ in embeddings) == sorted(architecture.embeddings)
    assert [n for n, _ in pooler] == list(architecture.pooler if head else architecture.bare_pooler)
    assert all(p is named[n] for n, p in embeddings + pooler)
