"""What the model and the data of a run are, found out once and passed on."""

import dataclasses

from ..models.source import ModelSource
from ..tasks.source import DataSource
from ..tasks.texts import TextSource


@dataclasses.dataclass(frozen=True)
class Sources:
    """The `ModelSource` and the `DataSource` of one run, and of the donor, the teacher, the texts and a trace's intact
    model, where there are any.
    """

    model: ModelSource
    data: DataSource
    donor: ModelSource | None = None
    teacher: ModelSource | None = None
    text: TextSource | None = None
    reference: ModelSource | None = None

    def fingerprints(self):
        """What each of them is: a dict; None where it is not known."""
        model = self.model
        parts = {"model": model, "config": model.config, "tokenizer": model.tokenizer, "data": self.data}
        parts |= {"donor": self.donor} if self.donor else {}
        parts |= {"trace_reference": self.reference} if self.reference else {}
        return {name: source.fingerprint for name, source in parts.items()}
