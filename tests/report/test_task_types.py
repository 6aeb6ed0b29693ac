"""A report on runs whose metric is a loss, and whose predictions are figures."""

import pytest
from helpers.small import save_bare_gpt2

from healbert import make_arguments, run_experiment
from healbert.report.content import make_content

TEXTS = ["good dog", "gad a dog", "go dog go", "a god", "do good", "add a dog or go", "good god", "go"] * 4


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The report's content of intact and damaged causal language models, two seeds of each."""
    folder = tmp_path_factory.mktemp("causal")
    model, text = save_bare_gpt2(folder / "gpt2"), folder / "text.csv"
    text.write_text("\n".join(["text", *TEXTS]), encoding="utf-8")
    files = {"train_file": str(text), "validation_file": str(text), "cache_dir": str(folder / "cache")}
    settings = {"model_name_or_path": model, "task_type": "causal_lm", "num_train_epochs": 2, "learning_rate": 1e-2}
    settings |= {"use_cpu": True, "torch_num_threads": 1, "per_device_train_batch_size": 8}
    for level in (0, 0.5):
        for seed in (0, 1):
            out = {"output_dir": str(folder / "runs" / f"{level}-{seed}"), "corrupt_level": level, "seed": seed}
            run_experiment(make_arguments(**settings, **files, **out))
    return make_content(folder / "runs")


def test_losses_are_turned_round_and_examples_resampled(content):
    recovery = content.table("recovery")
    assert "unigrams" in recovery.columns and "majority" not in recovery.columns
    assert "Unigrams: answering every token by how often it is in train." in recovery.caption
    record = next(record for record in recovery.records if record["level"] == 0.5)
    assert record["lost"] == pytest.approx(record["healed"] - record["intact"]), "what is lost is more loss"
    assert record["lost_over_examples_low"] < record["lost"] < record["lost_over_examples_high"]
    assert not any("predictions.parquet" in str(warning) for warning in content.warnings)


def test_the_dotted_line_is_said_to_be_what_it_is(content):
    (figure,) = [figure for figure in content.figures if figure.kind == "levels"]
    assert "Dots: answering every token by how often it is in train. " in figure.caption
    assert "class" not in figure.caption and "unigrams" in [name for name, _, _ in figure.panels[0].content.levels]
