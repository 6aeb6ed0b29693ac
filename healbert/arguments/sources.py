"""What the model and the data of a run are, found out once and passed on."""

import dataclasses

from ..models.source import ModelSource
from ..tasks.source import DataSource


@dataclasses.dataclass(frozen=True)
class Sources:
    """The `ModelSource` and the `DataSource` of one run, and the `ModelSource` of each donor by its name."""

    model: ModelSource
    data: DataSource
    donors: dict = dataclasses.field(default_factory=dict)

    def fingerprints(self):
        """What each of them is: a dict; None where it is not known."""
        model = self.model
        parts = {"model": model, "config": model.config, "tokenizer": model.tokenizer, "data": self.data}
        parts |= {f"donor {name}": source for name, source in self.donors.items()}
        return {name: source.fingerprint for name, source in parts.items()}
