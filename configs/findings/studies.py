"""What docs/findings.md asks of each study's runs: a line here, and a table beside."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Means:
    """Scores that are averaged: those of one damage, of runs with these settings.

    Args:
        damage: as in the report ("bottom 50%"; "intact").
        settings: {flag: value}.
    """

    damage: str
    settings: tuple = ()


def means(damage, **settings):
    return Means(damage, tuple(sorted(settings.items())))


@dataclasses.dataclass(frozen=True)
class Study:
    """What is asked of a study's runs.

    Args:
        config: a sweep file that makes them.
        verdicts: whether the verdicts on the paper's claims are.
        differences: {name: [(weight, `Means`), ...]}: each over all datasets together and on each.
        lost: whether what each damage cost is; ways: whether strategies against full fine-tuning are.
        apart: the settings in which its groups differ, whose values tell them apart in its table.
    """

    config: str
    verdicts: bool = True
    differences: dict = dataclasses.field(default_factory=dict)
    lost: bool = False
    ways: bool = False
    apart: tuple = ()


PARTS = ("25%", "50%", "75%")


def _top_over_bottom(**settings):
    return [(1, means("top 50%", **settings)), (-1, means("bottom 50%", **settings))]


def _bottom_below_all():
    return {f"bottom {part} below all": [(1, means("all 100%")), (-1, means(f"bottom {part}"))] for part in PARTS}


def _catching_up(damage, epochs, intact=None):
    of_intact = means("intact", num_train_epochs=intact or epochs)
    return [(1, of_intact), (-1, means(damage, num_train_epochs=epochs))]


def _ways_to_train(left, right):
    return [(1, means("intact", **left)), (-1, means("intact", **right))]


NO_FAST_PATHS = {"fast_paths": "none", "precision": "float32"}
WITHOUT_DROPOUT = {"fast_paths": "clipping,packed,vocabulary", "precision": "float32"}
ALL_PATHS = {"fast_paths": "all", "precision": "float32"}
INITIALISATIONS = ("kaiming_uniform", "normal", "shuffle", "donor")
EPOCHS = (2, 4, 8, 16)

STUDIES = {
    "base_size": Study("configs/base_size/sst2.yaml", differences=_bottom_below_all()),
    "three_tasks": Study("configs/three_tasks/sweep.yaml"),
    "three_tasks_converged": Study(
        "configs/three_tasks/converged.yaml",
        differences={
            f"{damage}, lost": [(1, means("intact")), (-1, means(damage))]
            for damage in (*(f"{region} {part}" for region in ("bottom", "top") for part in PARTS), "all 100%")
        }
        | _bottom_below_all(),
    ),
    "beyond_damage": Study(
        "configs/beyond_damage/sst2.yaml",
        verdicts=False,
        lost=True,
        differences={
            "noise, top over bottom": _top_over_bottom(corrupt_method="gaussian_noise", corrupt_components=None),
            "interpolation, top over bottom": _top_over_bottom(corrupt_method="interpolate", corrupt_components=None),
        },
    ),
    "initialisations": Study(
        "configs/initialisations/sweep.yaml",
        verdicts=False,
        apart=("corrupt_method",),
        differences={
            f"{method}, top over bottom": _top_over_bottom(corrupt_method=method) for method in INITIALISATIONS
        }
        | {
            f"{method} over kaiming_uniform, {region}": [
                (1, means(f"{region} 50%", corrupt_method=method)),
                (-1, means(f"{region} 50%", corrupt_method="kaiming_uniform")),
            ]
            for method in INITIALISATIONS[1:]
            for region in ("bottom", "top")
        }
        | {
            f"donor over {method}, {region}": [
                (1, means(f"{region} 50%", corrupt_method="donor")),
                (-1, means(f"{region} 50%", corrupt_method=method)),
            ]
            for method in ("normal", "shuffle")
            for region in ("bottom", "top")
        }
        | {
            f"{method}, lost at the {region}": [
                (1, means("intact")),
                (-1, means(f"{region} 50%", corrupt_method=method)),
            ]
            for method in INITIALISATIONS
            for region in ("bottom", "top")
        },
    ),
    "beyond_healing": Study("configs/beyond_healing/sst2.yaml", verdicts=False, ways=True),
    "catching_up": Study(
        "configs/catching_up/sweep.yaml",
        verdicts=False,
        apart=("num_train_epochs",),
        differences={
            f"{damage}, {epochs} epochs": _catching_up(damage, epochs)
            for damage in ("bottom 50%", "all 100%")
            for epochs in EPOCHS
        }
        | {
            f"{damage}, {EPOCHS[-1]} epochs, intact {intact}": _catching_up(damage, EPOCHS[-1], intact)
            for damage in ("bottom 50%", "all 100%")
            for intact in EPOCHS[:-1]
        }
        | {
            f"{damage}, made up from {EPOCHS[0]} to {EPOCHS[-1]} epochs": _catching_up(damage, EPOCHS[0])
            + [(-weight, of) for weight, of in _catching_up(damage, EPOCHS[-1])]
            for damage in ("bottom 50%", "all 100%")
        },
    ),
    "same_scores": Study(
        "configs/same_scores/sweep.yaml",
        verdicts=False,
        apart=("fast_paths", "precision"),
        differences={
            "clipping, packed, vocabulary over none": _ways_to_train(WITHOUT_DROPOUT, NO_FAST_PATHS),
            "all over none": _ways_to_train(ALL_PATHS, NO_FAST_PATHS),
            "bf16 over float32": _ways_to_train({**WITHOUT_DROPOUT, "precision": "bf16"}, WITHOUT_DROPOUT),
        },
    ),
    "beyond_classification": Study("configs/beyond_classification/sweep.yaml"),
}
