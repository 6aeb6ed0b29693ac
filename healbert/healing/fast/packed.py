"""Layers see the real tokens of a batch and no padding."""

import inspect

from ...models.wrappers import base_of
from .attention import PACKED, PLAIN, encoder_of, set_attention, why_own_attention
from .base import FastPath, why_no_cpu, why_not_whole
from .packing import Packed

LEAST_PADDING = 0.08  # share of a batch below which putting tokens there and back costs more than it saves


class PaddingFree(FastPath):
    """Packs hidden states between the embeddings and the first layer, and lays them out again after the last.

    So positions, poolers and heads are what they were. A batch is left as it is where it has little padding, where
    hidden states or attention are asked for by layer, and where a text begins with padding.
    """

    def why_not(self, scene):
        if scene.reuse_frozen:
            return "frozen layers keep their states by position"
        if scene.trainer.strategy.asks:
            return "hidden states are asked for in every step"
        if "QuestionAnswering" in type(scene.model).__name__:
            return "its head compares all places of a text, padding among them"
        training = scene.training
        return why_not_whole(training) or why_no_cpu(training) or why_own_attention(scene.model)

    def start(self, scene):
        self.model, self._now = scene.model, None
        self.before = set_attention(self.model, PACKED) if self._attention() == PLAIN else None
        encoder = encoder_of(self.model)
        self.names = list(inspect.signature(encoder.forward).parameters)
        self.hooks = [
            base_of(self.model).register_forward_pre_hook(self._look, with_kwargs=True),
            encoder.register_forward_pre_hook(self._pack, with_kwargs=True),
            encoder.register_forward_hook(self._unpack, with_kwargs=True),
        ]

    def stop(self):
        for hook in self.hooks:
            hook.remove()
        if self.before:
            set_attention(self.model, self.before)

    def _attention(self):
        return base_of(self.model).config._attn_implementation

    def _look(self, base, given, named):
        """Decides about a batch, of which the encoder will see no mask by sentence."""
        mask, self._now = named.get("attention_mask"), None
        asked = any(named.get(n, getattr(base.config, n, False)) for n in ("output_hidden_states", "output_attentions"))
        if asked or mask is None or mask.ndim != 2 or why_own_attention(self.model) or self._attention() == PLAIN:
            return
        mask = mask.bool()
        if mask[:, 0].all() and mask.float().mean() <= 1 - LEAST_PADDING:
            self._now = Packed(mask)

    def _pack(self, encoder, given, named):
        packed, self._now = self._now, None
        if packed is None:
            return None
        named = dict(zip(self.names, given, strict=False)) | named
        return (), named | {"hidden_states": packed.pack(named["hidden_states"]), "attention_mask": packed}

    def _unpack(self, encoder, given, named, output):
        packed = named.get("attention_mask")
        if isinstance(packed, Packed):
            output["last_hidden_state"] = packed.unpack(output["last_hidden_state"])
        return output
