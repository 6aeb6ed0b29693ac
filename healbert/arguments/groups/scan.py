"""What a scan goes through, and how often."""

import dataclasses
from dataclasses import field

from ...damage.regions import REGIONS
from ...utils.errors import UserError, check_choice

ACROSS = ("layers", "components")


@dataclasses.dataclass
class ScanArguments:
    """What a scan goes through."""

    _argument_group_name = "scan"

    over: str = field(
        default="layers,components",
        metadata={
            "help": "layers, components, or layers,components: each of them alone. In place of layers also regions "
            f"({', '.join(REGIONS)}), each at --corrupt_level. --corrupt_layers and --corrupt_components name the "
            "ones to go through; what is not gone through holds at every point."
        },
    )
    strengths: str | None = field(
        default=None,
        metadata={
            "aliases": ["--rates"],
            "help": "Strengths of the method, with commas between them, each at a time; also --rates.",
        },
    )
    by_bit: str | None = field(
        default=None,
        metadata={
            "help": "Each of these bits alone, of methods that have the option bits: any, sign, exponent, mantissa, or "
            "numbers such as 0+23-30."
        },
    )
    repeats: int = field(
        default=1, metadata={"help": "Draws of the damage at each point: with --corrupt_seed and those that follow."}
    )
    until_width: float | None = field(
        default=None,
        metadata={"help": "Draw on until every 95%% interval of a point's shares is no wider, 0.02 for instance."},
    )
    max_repeats: int = field(default=1000, metadata={"help": "With --until_width, no more draws of a point than this."})
    linear_probe: bool = field(
        default=False,
        metadata={
            "help": "Train a new classification layer on the intact model's features, though it has one already."
        },
    )

    def __post_init__(self):
        self.over = ",".join(dict.fromkeys(part.strip() for part in self.over.split(",")))
        for part in self.places + self.parts:
            check_choice("--over", part, [*ACROSS, *REGIONS])
        if "layers" in self.places and len(self.places) > 1:
            raise UserError(f"--over {self.over}: give layers or regions, not both")
        for name in ("repeats", "max_repeats"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)} is too small; use 1 or more")
        if self.until_width is not None and not 0 < self.until_width < 1:
            raise UserError(f"--until_width {self.until_width:g} is not above 0 and below 1")
        if self.until_width is not None and self.repeats > self.max_repeats:
            raise UserError(f"--repeats {self.repeats} is more than --max_repeats {self.max_repeats}")
        self.strength_list()

    @property
    def places(self):
        """What is gone through from the embeddings to the head: ["layers"], names of regions, or nothing."""
        return [part for part in self.over.split(",") if part != "components"]

    @property
    def parts(self):
        """["components"] where these are gone through."""
        return [part for part in self.over.split(",") if part == "components"]

    @property
    def most(self):
        """The most draws of a point."""
        return self.repeats if self.until_width is None else self.max_repeats

    def strength_list(self):
        """The strengths as numbers; [None] where none are given."""
        if self.strengths is None:
            return [None]
        try:
            found = [float(part) for part in self.strengths.split(",")]
        except ValueError as error:
            raise UserError(f"--strengths {self.strengths} are not numbers with commas between them") from error
        return list(dict.fromkeys(found))
