"""The model card of a run, and the dataset card of a folder of runs."""

from ..healing.strategies import STRATEGIES
from ..results.harness import STAGES, harness_scores
from ..results.schema import baseline_of, damages_of, metrics_of, primary_of
from ..tasks.table import TASKS
from ..tasks.types import TASK_TYPES
from ..utils.text import escape_markdown as escape
from .describe import all_damage, batch_in_words, damage_in_words, taught_in_words
from .repeating import last_part, reproducing_command
from .usage import usage

PAPER = "https://arxiv.org/abs/2406.14459"


CITATION = """@article{han2024healing,
  title   = {Healing Powers of {BERT}: How Task-Specific Fine-Tuning Recovers Corrupted Language Models},
  author  = {Han, Shijie and Zhang, Zhenyu and Simion, Andrei Arsene},
  journal = {arXiv preprint arXiv:2406.14459},
  year    = {2024}
}"""


TAGS = ["healbert", "robustness", "corrupted-weights", "arxiv:2406.14459"]


SELECTION = {
    "best_eval": "the best of them on the evaluation split itself, as in the paper, which flatters the score",
    "dev": "chosen on a held-out part of the training data",
}


def code_block(text):
    """``text`` as a code block that nothing in it can end."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def table(header, rows):
    """A Markdown table; the first column is text, the others are figures."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def model_card(results, repo_id, background, by_class=(), intact=None, adapter=False):
    """The README.md of a healed model.

    Args:
        results: what the run's ``results.json`` holds.
        repo_id: where the model goes.
        background: a `Background`.
        by_class: `scores_by_label` of the run.
        intact: results of the intact run, or None.
        adapter: whether an adapter was kept beside its base.

    Returns:
        str: metadata and text. Names from datasets are escaped.
    """
    from huggingface_hub import ModelCard

    task, model = escape(_task(results)), escape(background.base_model or last_part(results["model"]["name"]))
    damaged = bool(damages_of(results["corruption"]) or results["model"].get("damaged_before"))
    damage = f"damaged ({escape(all_damage(results))}) and healed on"
    parts = [
        f"# {model}, {damage if damaged else 'intact, fine-tuned on'} {task}",
        _warning(damaged),
        "## What was done",
        "\n".join(_what_was_done(results, background)),
        "## Scores",
        *_scores(results, intact),
        *_by_class(by_class),
        *_harness(results),
        "## Use",
        code_block(usage(results, repo_id, _kind(results))),
        *(_adapter(damaged) if adapter else ()),
        *_intended_use(damaged),
        "## Run it again",
        *_run_again(results),
        "## Licence",
        _licence(background),
        "## Citation",
        f"The experiment is that of [Healing Powers of BERT]({PAPER}).",
        code_block(CITATION),
    ]
    metadata = _metadata(results, repo_id, background).to_yaml()
    return str(ModelCard(f"---\n{metadata}\n---\n\n" + "\n\n".join(parts) + "\n"))


def _metadata(results, repo_id, background):
    from huggingface_hub import ModelCardData

    return ModelCardData(
        base_model=background.base_model,
        base_model_relation="finetune" if background.base_model else None,
        datasets=[background.dataset] if background.dataset else None,
        language=background.language,
        license=background.license,
        **background.license_options,
        library_name="transformers",
        metrics=list(dict.fromkeys(hub["metric_type"] for hub in _hub_metrics(results).values())) or None,
        model_name=repo_id.rpartition("/")[2],
        eval_results=_eval_results(results, background),
        pipeline_tag=_kind(results) and _kind(results).hub_task,
        tags=TAGS,
    )


def _eval_results(results, background):
    from huggingface_hub import EvalResult

    task, config, healed = results["task"], results["config"], results["metrics"]["healed"]
    known, kind = TASKS.get(config["task_name"]), _kind(results)
    if kind is None:
        return []
    common = {
        "task_type": kind.hub_task,
        "dataset_type": background.dataset or _task(results),
        "dataset_name": _task(results),
        "dataset_config": known.config if known else config["dataset_config_name"],
        "dataset_split": task["evaluation_split"],
        "dataset_revision": task["commit"],
    }
    known = {name: hub for name, hub in _hub_metrics(results).items() if healed[name] is not None}
    return [EvalResult(**common, metric_value=healed[name], **hub) for name, hub in known.items()]


def _kind(results):
    """The run's `TaskType`; None of a plugin that is not at hand here: the table in the card has its scores."""
    return TASK_TYPES.get(results["task"]["type"])


def _hub_metrics(results):
    """{name: what the Hub calls it} of the run's metrics that the Hub knows."""
    own = _kind(results).metrics() if _kind(results) else {}
    return {name: own[name].hub for name in own if own[name].hub and name in metrics_of(results)}


def _task(results):
    name = results["task"]["name"]
    return name if results["task"]["commit"] else last_part(name)


def _warning(damaged):
    if not damaged:
        return "The intact model of an experiment on damaged ones: nothing was damaged here."
    return (
        "> **This model was damaged on purpose.** Part of a pretrained encoder was damaged, and fine-tuning then had "
        "to heal it. It is a specimen for research on robustness, not a good model."
    )


def _what_was_done(results, background):
    damage, config = results["corruption"], results["config"]
    known = background.base_model
    base = (
        f"[{escape(known)}](https://huggingface.co/{known})" if known else escape(last_part(results["model"]["name"]))
    )
    commit = f" at commit {results['model']['commit'][:12]}" if results["model"]["commit"] else ""
    name = escape(_task(results))
    data = f"[{name}](https://huggingface.co/datasets/{background.dataset})" if background.dataset else name
    data += f" at commit {results['task']['commit'][:12]}" if results["task"]["commit"] else ""
    examples, split = results["task"]["examples"], results["task"]["evaluation_split"]
    yield f"- **Base model**: {base}{commit} ({results['model']['parameters']:,} parameters)."
    if before := results["model"].get("damaged_before"):
        yield f"- **Damage before**: the model that this run began with had been damaged: {escape(before)}."
    yield f"- **Damage**: {damage_in_words(damage)}"
    yield (
        f"- **Healing**: {_healing(config['healing'])}; epochs "
        f"{results['metrics']['per_epoch'][-1]['epoch']:g}, learning rate {config['learning_rate']:g}, batch size "
        f"{batch_in_words(config)} a process.{taught_in_words(results)} These are the weights after "
        f"epoch {results['best_epoch']:g}: {SELECTION[config['selection']]}."
    )
    yield (
        f"- **Data**: {data}, {examples['train']:,} training examples; scored on {examples['evaluation']:,} examples"
        f"{f' of its split {escape(split)}' if split else ''}."
    )
    if results["status"] != "completed":
        yield f"- **The run {escape(results['status'])}** before its last epoch; this is the best epoch before that."


def _healing(name):
    return "; ".join(escape((part in STRATEGIES and STRATEGIES[part].says) or part) for part in name.split(","))


def _scores(results, intact):
    metrics = results["metrics"]
    stages = [("before fine-tuning, damaged", metrics["damaged"]), ("after fine-tuning, healed", metrics["healed"])]
    if not damages_of(results["corruption"]):
        stages = [("before fine-tuning", metrics["damaged"]), ("after fine-tuning", metrics["healed"])]
    stages += [("intact model, fine-tuned the same way", intact["metrics"]["healed"])] if intact else []
    stages += [("healed, on the test file", metrics["test"])] if metrics.get("test") else []
    shown = {name: about["title"] for name, about in metrics_of(results).items() if name != "loss"}
    rows = [[stage, *(_figure(values.get(name)) for name in shown)] for stage, values in stages]
    yield table(["", *map(escape, shown.values())], rows)
    head = "Before fine-tuning the classification head is new: the first line is near guessing."
    yield f"{head if results['model'].get('head_was') in ('missing', 'other') else ''}{_guessing(results)}".strip()


def _guessing(results):
    majority = results["task"].get("majority")
    if majority is None:
        return ""
    says, title = baseline_of(results)["says"], primary_of(results)[1]["title"]
    return f" {escape(says[0].upper() + says[1:])} gives {majority:.4f} {escape(title)}."


def _figure(value):
    return "-" if value is None else f"{value:.4f}"


def _by_class(scores):
    if scores:
        yield "F1 of the healed model by class:"
        yield table(["class", "F1", "examples"], [[escape(n), f"{f1:.4f}", f"{count:,}"] for n, f1, count in scores])


def _harness(results):
    if lines := harness_scores(results):
        yield "Scores of lm-evaluation-harness, before and after fine-tuning:"
        rows = [[escape(f"{of['task']} {of['metric']}"), *(_figure(of[stage]) for stage in STAGES)] for of in lines]
        yield table(["", *STAGES], rows)


def _adapter(damaged):
    yield (
        f"Two things lie here. `model.safetensors` is the {'damaged ' if damaged else ''}base model, "
        f"{'with its damage, as described above, and ' if damaged else ''}with the trained head; "
        "`adapter_model.safetensors` is the adapter that was trained on it, of no use on the base model as it was "
        "published. The code above opens both together, and needs the library PEFT: `pip install peft`."
    )


def _intended_use(damaged):
    yield "**Intended use**: research on robustness, interpretability and fine-tuning."
    if damaged:
        yield (
            "**Not intended**: decisions about anything real. The damage may have removed more than the scores show, "
            "such as calibration, or what a text outside this dataset needs. The base model's biases may remain."
        )


def _run_again(results):
    versions, code = results["environment"]["versions"], results["environment"]["git_commit"]
    processes = results["environment"]["processes"]
    yield code_block(reproducing_command(results))
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    several = f" It ran in {processes} processes." if processes > 1 else ""
    commit = f" The code was at commit {code[:12]}." if code else ""
    yield (
        "`run.yaml` holds every setting, and `python -m healbert run run.yaml` does the same. Made with "
        f"{escape(told)} on {escape(results['environment']['device'])}.{commit}{several} "
        "`results.json` has every figure."
    )


def _licence(background):
    if background.license is None:
        return "That of the base model, which was not stated where this card was written."
    return f"{escape(background.license)}, the licence of the base model."


def results_card(rows, repo_id, has_report):
    """The README.md of a dataset of results.

    Args:
        rows: pandas.DataFrame as `load_results` makes it.
        repo_id: where it goes.
        has_report: whether a report is there.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    metadata = DatasetCardData(
        configs=[{"config_name": "default", "data_files": "results.parquet"}], tags=TAGS, pretty_name="HealBERT results"
    )
    report = (
        "\n\n`report/report.html` has tables and curves; download it and open it in a browser." if has_report else ""
    )
    counted = ", ".join(f"{escape(name)} ({n})" for name, n in rows["status"].value_counts().items())
    tasks = ", ".join(escape(name) for name in sorted({last_part(t) for t in rows["task"].dropna()}))
    models = ", ".join(escape(name) for name in sorted({last_part(m) for m in rows["model"].dropna()}))
    text = f"""# Results of damaging and healing language models

One row for each of {len(rows):,} runs: a pretrained model is damaged in a controlled way, fine-tuned, and scored.
Tasks: {tasks}. Models: {models}. Status: {counted}.

{code_block(f'from datasets import load_dataset{chr(10) * 2}rows = load_dataset("{repo_id}", split="train")')}

`metric` names the score that counts for a row's task. The column `damaged_` with that name holds it before fine-tuning,
the column `healed_` with that name after it. The other columns are settings, by the name of their flag, and further
figures. `runs/` has the `results.json` of each run, with everything that is known of it.{report}

## Citation

The experiment is that of [Healing Powers of BERT]({PAPER}).

{code_block(CITATION)}
"""
    return str(DatasetCard(f"---\n{metadata.to_yaml()}\n---\n\n{text}"))
