"""What a finished run is made of, for a reader elsewhere: its base model, its damage, data and scores by class."""

import dataclasses
import pathlib
import re

from ..analysis.grouping import AXES, MEASURED
from ..damage.methods import METHODS
from ..models.embedded import MODEL_ID, MODEL_LICENSE
from ..models.source import EMBEDDED_MODEL
from ..results.read import read_results
from ..results.schema import damages_of, is_damage, region_that_counts
from ..results.summary import describe_damage
from ..tasks.table import TASKS
from ..tasks.types import TASK_TYPES
from ..utils.errors import UserError
from ..utils.text import escape_markdown
from .contents import differing, other_origin
from .repeating import last_part

# In what an intact run may differ from the damaged one that it stands beside: damage, seeds, what is only looked at,
# and names of the data, whose content is compared.
OTHER = AXES - {"learning_rate"} | MEASURED


@dataclasses.dataclass(frozen=True)
class Background:
    """What the Hub knows of a run's base model and data; None where it says nothing.

    ``base_model`` and ``dataset`` are Hub ids, ``license`` and ``language`` what their cards state;
    ``license_options`` names and links a licence that has no identifier.
    """

    base_model: str | None = None
    dataset: str | None = None
    license: str | None = None
    license_options: dict = dataclasses.field(default_factory=dict)
    language: list | None = None


def find_background(results, token=None):
    """The `Background` of a run; what is on the Hub is asked there.

    Args:
        results: what ``results.json`` holds.
        token: Hub token for private and gated repositories.
    """
    config, model, task = results["config"], results["model"], results["task"]
    known = TASKS.get(config["task_name"])
    dataset = _dataset_on_hub(known, results)
    language = known.language if known else None
    language = _listed(language or _card("dataset", dataset, task["commit"], token).get("language"))
    if model["name"] == EMBEDDED_MODEL:
        return Background(MODEL_ID, dataset, MODEL_LICENSE, language=language)
    base_model = model["name"] if model["commit"] else None
    card = _card("model", base_model, model["commit"], token)
    options = {name: card[name] for name in ("license_name", "license_link") if name in card}
    return Background(base_model, dataset, card.get("license"), options, language or _listed(card.get("language")))


def _dataset_on_hub(known, results):
    # A copy of a dataset of the table (--data_root) is still that dataset; the folder of a plugin's task is on no Hub.
    if known is None:
        return results["config"]["dataset_name"] if results["task"]["commit"] else None
    return known.dataset if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", known.dataset) else None


def _card(kind, repo_id, commit, token):
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    if repo_id is None:
        return {}
    try:
        info = huggingface_hub.HfApi(token=token).repo_info(repo_id, repo_type=kind, revision=commit)
    except HfHubHTTPError as error:
        if error.response.status_code not in (401, 403, 404):
            raise
        return {}  # gone, or not for this token: the card then says that it is not stated
    return info.card_data.to_dict() if info.card_data else {}


def _listed(value):
    return value if value is None or isinstance(value, list) else [value]


def scores_by_label(folder, task):
    """F1 of each label on the evaluation split, from ``predictions.parquet``.

    Args:
        folder: of a run.
        task: what its results say of the task.

    Returns:
        list of (label name, F1, number of examples), or an empty list if there are no predictions or no labels.
    """
    import pandas

    path, kind = pathlib.Path(folder) / "predictions.parquet", TASK_TYPES.get(task["type"])
    if kind is None or not task["label_names"] or not path.is_file():
        return []
    rows = pandas.read_parquet(path, columns=["label", "prediction"])
    found = kind.by_label(rows["prediction"].to_numpy(), rows["label"].to_numpy(), task["label_names"])
    return [(name, scores["f1"], scores["examples"]) for name, scores in found.items()]


def read_finished(folder):
    """The results of a finished run.

    Raises:
        UserError: if ``folder`` holds none.
    """
    try:
        results = read_results(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder} holds no finished run (no results.json)") from error
    except ValueError as error:
        raise UserError(f"{folder}: {error}") from error
    if results["status"] == "failed":
        raise UserError(f"the run in {folder} failed; run it again")
    return results | {"task": {"commit": None, "evaluation_split": None} | results["task"]}  # older runs lack these


def read_intact(folder, settings=None, results=None):
    """The results of the intact run that a card compares with.

    Args:
        folder: its folder; None gives None.
        settings: of the run that it is compared with, by their flags' names.
        results: of that run, if it is finished.

    Raises:
        UserError: if the run is damaged, has no healed scores, was fine-tuned another way, on other examples, or from
            other weights.
    """
    if folder is None:
        return None
    intact = read_finished(folder)
    if damages_of(intact["corruption"]):
        found = describe_damage(intact["corruption"])
        raise UserError(f"--intact_results {folder} holds a run that was damaged ({found}), not an intact one")
    if before := intact["model"].get("damaged_before"):
        raise UserError(f"--intact_results {folder} holds a run of a model that had been damaged ({before})")
    if not intact["metrics"]["healed"]:
        raise UserError(f"--intact_results {folder} holds a run without healed scores ({intact['status']})")
    unlike = settings and differing(*map(_of_training, (intact["config"], settings)))
    if unlike:
        raise UserError(f"--intact_results {folder} holds a run of other settings: {unlike}")
    if other := other_origin(intact, results or {}):
        raise UserError(f"--intact_results {folder} holds a run of {other}; its scores cannot stand beside")
    return intact


def _of_training(settings):
    return {name: value for name, value in settings.items() if not (name in OTHER or is_damage(name))}


TEACHERS = {
    "finetuned": "the intact model, fine-tuned the same way",
    "pretrained": "the intact model as it was published",
}


def batch_in_words(config):
    """How many examples a process takes before a step of the optimizer."""
    size, steps = config["per_device_train_batch_size"], config.get("gradient_accumulation_steps") or 1
    return str(size) if steps == 1 else f"{size} x {steps} (gradients accumulated)"


def taught_in_words(results):
    """Whom a model learnt from and on what text it was trained first, for a model card; "" of most."""
    healing = results.get("healing") or {}
    teacher, text, found = healing.get("teacher"), healing.get("text"), ""
    if teacher:
        found += f" Its teacher was {TEACHERS.get(teacher['kind'], escape_markdown(last_part(teacher['name'])))}."
    if text:
        found += f" It was trained on {text['examples']:,} texts without labels first."
    return found


def all_damage(results):
    """What was done to the model before the run, and in it, in a few words."""
    here = describe_damage(results["corruption"]) if damages_of(results["corruption"]) else None
    return "; then ".join(filter(None, (results["model"].get("damaged_before"), here)))


def damage_in_words(damage):
    """What was damaged and how, for a model card: Markdown, with the names of plugins escaped.

    Args:
        damage: the ``corruption`` of a run's results.
    """
    found = damages_of(damage)
    if not found:
        return "none."
    hit, total = len(damage["layers_hit"]), damage["num_layers"]
    partly = " in whole or in part" if any(one["unit"] == "parameter" for one in found) else ""
    counted = (
        f"{hit} of {total} layers{partly}, {damage['tensors']} tensors, "
        f"{damage['fraction_of_model']:.1%} of all parameters"
    )
    if len(found) == 1:
        said = f"{_part(found[0])} ({counted}). {_new_values(found[0])}"
    else:
        each = " ".join(f"({n}) {_part(one)}. {_new_values(one)}" for n, one in enumerate(found, start=1))
        said = f"{len(found)} damages, one after another ({counted} in all). {each}"
    return (
        f"{said} `corruption.json` has the SHA-256 of each of these tensors before and after; every other tensor was "
        "checked to be bit-identical."
    )


def _part(damage):
    named = [
        f"{what} {escape_markdown(str(damage[what]))}" for what in ("components", "parameters") if damage.get(what)
    ]
    inside = f", of these {' and '.join(named)} alone" if named else ""
    also = "".join(f" and the {part}" for part in ("embeddings", "pooler") if damage[part])
    return f"{_place(damage)}{inside}{also}"


def _place(damage):
    but = "all of the encoder but " if damage.get("invert") else ""
    if damage.get("layers") is not None:
        return f"{but}layers {damage['layers']} of the encoder"
    region = region_that_counts(damage["level"], damage["region"])
    if not region:
        return "all of the encoder"
    if region in ("bottom", "top"):
        return f"{but}the {region} {100 * damage['level']:g}% of the encoder"
    # A plugin's region may hit another fraction than the level that was asked for: the layers are counted beside it.
    return f"{but}the part of the encoder that region {escape_markdown(region)} names at level {damage['level']:g}"


NORMS = {"one": "norm weights became 1, ", "keep": "norm weights stayed as they were, "}
BIASES = {"zero": "biases 0, ", "keep": "biases stayed as they were, "}


def _new_values(damage):
    """What norms, biases and weights became."""
    name, rules = damage["method"], ""
    if name in METHODS and METHODS[name].drops:
        return f"These layers were taken out ({escape_markdown(name)})."
    if name in METHODS:  # not that of a plugin which is not imported here: of it only the name is known
        norms = "keep" if damage.get("keep_norms") else METHODS[name].norms
        rules = NORMS.get(norms, "") + BIASES.get(METHODS[name].biases, "")
    options = "".join(f"{option}={value}, " for option, value in (damage.get("options") or {}).items())
    anew = name in METHODS and METHODS[name].anew
    drawn = f"{'all other' if rules else 'the'} weights were {'drawn anew' if anew else 'changed'}"
    how = escape_markdown(f"{name}, {options}seed {damage['seed']}")
    sentence = f"{rules}{drawn} ({how})."
    return sentence[0].upper() + sentence[1:]
