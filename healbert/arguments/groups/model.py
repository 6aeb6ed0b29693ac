"""Which model to load."""

import dataclasses
from dataclasses import field

from ...models.loading import POOLINGS
from ...models.source import EMBEDDED_MODEL
from ...utils.errors import check_choice, refuse_empty


@dataclasses.dataclass
class ModelArguments:
    """Which model to load."""

    _argument_group_name = "model"

    model_name_or_path: str = field(
        default=EMBEDDED_MODEL,
        metadata={"help": "A Hub id or a folder; 'embedded': all-MiniLM-L6-v2 as a package."},
    )
    config_name: str | None = field(default=None, metadata={"help": "Configuration, if it is not the model's."})
    tokenizer_name: str | None = field(default=None, metadata={"help": "Tokenizer, if it is not the model's."})
    cache_dir: str | None = field(default=None, metadata={"help": "Where models and datasets from the Hub are kept."})
    model_revision: str = field(default="main", metadata={"help": "Branch, tag or commit of the model on the Hub."})
    pooling: str = field(
        default="cls",
        metadata={
            "help": "cls: the architecture's own head (its first token; for decoders the last real one). "
            "mean: average of last hidden states over real tokens, dropout, a linear layer."
        },
    )
    token: str | None = field(
        default=None, metadata={"help": "Hub token for gated and private repositories (else HF_TOKEN, or your login)."}
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run model code from the Hub. Only for repositories whose code you have read."}
    )

    def __post_init__(self):
        refuse_empty(cache_dir=self.cache_dir)
        check_choice("pooling", self.pooling, POOLINGS)
