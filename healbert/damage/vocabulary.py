"""One vocabulary for the parts of a layer, in every architecture: attention, query, key, ..., ffn_out.

Architectures name the same thing in many ways; the names are read here and nowhere else. A weight that holds query, key
and value at once is divided by its rows, as its architecture's forward divides its outputs.
"""

import re

from ..utils.errors import UserError

WORDS = ("query", "key", "value", "attention_output", "attention", "ffn_in", "ffn_out", "ffn")

# Where a part lies: the module around it. Numbers are those of lists.
_ATTENTION = r"(?:.*\.)?(?:\w*attn|\w*attentions?|self|SelfAttention|EncDecAttention)\.(?:\d+\.)?"
_FFN = r"(?:.*\.)?(?:mlp|ffns?|ff|feed_forward|DenseReluDense|experts|shared_experts?)\.(?:\d+\.)?"
_ANYWHERE = r"(?:.*\.)?"

# The first line that matches a path, ".weight" or ".bias" left out, says what it is: (word, around it, its own names).
# What is in attention or in the feed-forward network and has no word of its own belongs to the whole alone.
_NAMES = (
    (None, r".*", r"\w*adapter.*|\w*bottleneck.*|\w*layer_?norm.*|\w*LayerNorm.*|indexer.*"),
    ("fused", _ATTENTION, "qkv|Wqkv|qkv_proj|query_key_value|c_attn|in_proj|kv_proj|kv_b_proj"),
    ("query", _ATTENTION, r"(?:\w{3}_|layout_)?query(?:_proj|_global)?|q|Wq|q_lin|q_proj|q_head"),
    ("query", _ATTENTION, "q_a_proj|q_b_proj|q_gate_proj"),
    ("key", _ATTENTION, "(?:layout_)?key(?:_proj|_global)?|k|Wk|k_lin|k_proj|k_head"),
    ("value", _ATTENTION, "(?:layout_)?value(?:_proj|_global)?|v|Wv|v_lin|v_proj|v_head"),
    ("attention_output", _ATTENTION, r"(?:layout_)?output\.dense|o|o_proj|out_proj|out_lin|Wo|c_proj|dense|output"),
    ("attention_output", _ATTENTION, "post_proj"),
    ("attention_output", _ANYWHERE, r"post_attention\.conv1d"),
    ("attention", _ATTENTION, ".*"),
    ("ffn_in", _ANYWHERE, r"(?:layout_)?intermediate\.(?:dense|conv1d)|fc1|ffn"),
    ("ffn_in", _FFN, r"wi|wi_\d|Wi|fc_in|lin1|c_fc|up_proj|gate_proj|gate_up_proj|dense_h_to_4h|layer_1|linear_1"),
    ("ffn_in", _FFN, r"linear_fc1|input_linear|dense\.dense|0"),
    ("ffn_out", _ANYWHERE, r"(?:layout_)?output\.(?:dense|conv1d)|fc2|ffn_output"),
    ("ffn_out", _FFN, "wo|Wo|fc_out|lin2|c_proj|down_proj|dense_4h_to_h|layer_2|linear_2|linear_fc2|output_linear|2"),
    ("ffn", _FFN, ".*"),
)
_PATTERNS = [(word, re.compile(f"{around}(?:{names})")) for word, around, names in _NAMES]
PARTS_OF = {"attention": ("query", "key", "value", "attention_output"), "ffn": ("ffn_in", "ffn_out")}


def word_of(path):
    """What a parameter is: one of `WORDS`, "fused" (of query, key and value several at once), or None.

    Args:
        path: of a parameter in a layer, such as "encoder.layer.0.attention.self.query.weight".
    """
    plain = re.sub(r"(^|[._])(weight|bias)$", "", path)
    return next((word for word, pattern in _PATTERNS if pattern.fullmatch(plain)), None)


def rows_of(word, path, outputs, config):
    """The outputs of a fused weight that belong to ``word``: a list of indices, or None if it holds none of them.

    Args:
        word: "query", "key" or "value".
        path: of the weight, for messages.
        outputs: how many outputs the weight has.
        config: the model's configuration.

    Raises:
        UserError: if it is not known how this architecture divides them.
    """
    pattern = _pattern(path, outputs, config)
    if sum(size for _, size in pattern) == 0 or outputs % sum(size for _, size in pattern):
        raise UserError(
            f"which of the {outputs} outputs of {path} are its {word} is not known in {config.model_type}; "
            "use the component attention, or --corrupt_parameters"
        )
    words = [name for name, size in pattern for _ in range(size)]
    found = [row for row in range(outputs) if words[row % len(words)] == word]
    return found or None


def _pattern(path, outputs, config):
    """How outputs are divided, as [(word, number of outputs), ...], once or again and again: for each head."""
    kind, leaf = config.model_type, path.removesuffix(".weight").removesuffix(".bias").rpartition(".")[2]
    heads, groups = config.num_attention_heads, getattr(config, "num_key_value_heads", None)
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    if leaf == "kv_b_proj":
        return [("key", config.qk_nope_head_dim), ("value", config.v_head_dim)]
    if leaf == "kv_proj":
        return [("key", outputs // 2), ("value", outputs // 2)]
    if kind == "falcon" and config.new_decoder_architecture:
        return [("query", heads // config.num_kv_heads * size), ("key", size), ("value", size)]
    if kind in ("falcon", "gpt_bigcode") and config.multi_query:
        return [("query", heads * size), ("key", size), ("value", size)]
    if kind == "phi3":
        return [("query", heads * size), ("key", groups * size), ("value", groups * size)]
    by_head = kind in ("falcon", "gpt_bigcode", "gpt_neox", "bloom", "persimmon", "minimax", "deberta")
    in_blocks = kind in ("gpt2", "openai-gpt", "gpt-sw3", "modernbert", "modernvbert", "mpt")
    if not by_head and not in_blocks:
        return []
    third = size if by_head else outputs // 3
    return [("query", third), ("key", third), ("value", third)]
