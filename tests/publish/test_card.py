"""The card of a pushed model."""

import html
import json
import re
import shlex
import shutil

import pandas
import pytest
from helpers.publish import repository_of, results_of
from huggingface_hub import EvalResult, ModelCard

from healbert.arguments.parser import parse_arguments
from healbert.publish.card import escape, model_card
from healbert.publish.describe import Background, damage_in_words
from healbert.publish.push import push_run
from healbert.publish.repeating import pinned_settings, reproducing_command


@pytest.fixture
def card(hub, run, runs):
    push_run(repository_of(run, intact_results=runs / "intact"))
    return ModelCard(hub.repositories["model", "writer/healed"].files()["README.md"].decode())


def test_metadata_that_the_hub_understands(card, run):
    healed = results_of(run)["metrics"]["healed"]
    assert card.data.library_name == "transformers" and card.data.pipeline_tag == "text-classification"
    assert {"healbert", "robustness"} <= set(card.data.tags) and card.data.model_name == "healed"
    assert card.data.base_model is None and card.data.datasets is None, "neither is on the Hub"
    f1, accuracy = card.data.eval_results
    assert isinstance(f1, EvalResult)
    assert (f1.metric_type, f1.metric_config, f1.metric_args) == ("f1", "weighted", {"average": "weighted"})
    assert (accuracy.metric_type, accuracy.metric_value) == ("accuracy", healed["accuracy"])
    assert f1.metric_value == healed["f1_weighted"]
    assert (f1.dataset_type, f1.dataset_split) == ("train", "validation")


def test_base_model_and_data_of_the_hub_are_named(hub, run):
    base = b"---\nlicense: other\nlicense_name: own\nlicense_link: https://x.org\nlanguage: de\n---\n"
    hub.create("someone/bert", files={"README.md": base})
    results = results_of(run)
    results["model"] |= {"name": "someone/bert", "commit": hub.repositories["model", "someone/bert"].branches["main"]}
    results["config"]["task_name"] = "mrpc"
    (run / "results.json").write_text(json.dumps(results))
    push_run(repository_of(run))
    data = ModelCard(hub.repositories["model", "writer/healed"].files()["README.md"].decode()).data
    assert (data.base_model, data.datasets, data.language) == ("someone/bert", ["nyu-mll/glue"], ["en"])
    assert {result.dataset_config for result in data.eval_results} == {"mrpc"}
    assert (data.license, data.license_name, data.license_link) == ("other", "own", "https://x.org")


def test_a_score_that_is_missing_is_not_in_the_metadata(hub, run):
    results = results_of(run)
    results["metrics"]["healed"]["f1_weighted"] = None
    (run / "results.json").write_text(json.dumps(results))
    push_run(repository_of(run))
    data = ModelCard(hub.repositories["model", "writer/healed"].files()["README.md"].decode()).data
    assert [result.metric_type for result in data.eval_results] == ["accuracy"]


def test_figures_in_the_card(card, run, runs):
    predictions = pandas.read_parquet(run / "predictions.parquet")
    figures = results_of(run)["metrics"]
    intact = results_of(runs / "intact")["metrics"]["healed"]
    for line, metrics in {"damaged": figures["damaged"], "healed": figures["healed"], "intact": intact}.items():
        assert re.search(rf"^\| [^|]*{line}[^|]* \| {metrics['f1_weighted']:.4f} \| ", card.text, flags=re.MULTILINE)
    hit = (predictions["label"] == 0) & (predictions["prediction"] == 0)
    f1 = 2 * hit.sum() / ((predictions["label"] == 0).sum() + (predictions["prediction"] == 0).sum())
    row = next(line for line in card.text.splitlines() if line.startswith("| &lt;script"))
    assert row.split("|")[2:4] == [f" {f1:.4f} ", " 21 "]
    assert "damaged on purpose" in card.text and "2 of 4 layers" in card.text and "2406.14459" in card.text


def test_a_model_that_was_damaged_before_is_not_called_intact(run):
    results = results_of(run)
    results["corruption"] |= {"level": 0.0, "layers_hit": []}
    results["model"]["damaged_before"] = "bottom 50%, zero, seed 1"
    text = model_card(results, "me/x", Background())
    assert "damaged on purpose" in text and "nothing was damaged" not in text and ", intact, fine-tuned" not in text
    assert "had been damaged: bottom 50%, zero, seed 1" in text and "damaged (bottom 50%, zero, seed 1) and" in text


@pytest.mark.parametrize("was, told", [("missing", True), ("other", True), ("own", False), (None, False)])
def test_a_head_is_called_new_where_it_was(run, was, told):
    results = results_of(run)
    assert results["model"]["head_was"] == "missing"
    results["model"]["head_was"] = was
    assert ("the classification head is new" in model_card(results, "me/x", Background())) is told


def test_precision_that_the_launcher_set_is_part_of_the_command(run):
    results = results_of(run)
    assert "precision" not in reproducing_command(results)
    results["environment"]["mixed_precision"] = "bf16"
    assert "--precision bf16" in reproducing_command(results) and pinned_settings(results)["precision"] == "bf16"
    results["config"]["bf16"] = True
    assert "--precision" not in reproducing_command(results)


def test_scores_of_another_harness_in_the_card(hub, run):
    scores = {"damaged": {"own|task": {"acc,none": 0.25}}, "healed": {"own|task": {"acc,none": 0.5}}}
    (run / "results.json").write_text(json.dumps(results_of(run) | {"lm_eval": {"version": "0.4.13", **scores}}))
    push_run(repository_of(run))
    card = hub.repositories["model", "writer/healed"].files()["README.md"].decode()
    assert "lm-evaluation-harness" in card and f"| {escape('own|task acc')} | 0.2500 | 0.5000 |" in card


def test_damage_of_scattered_parameters_is_put_in_words(hub, run):
    results = results_of(run)
    results["corruption"] |= {"level": 0.125, "unit": "parameter"}
    (run / "results.json").write_text(json.dumps(results))
    push_run(repository_of(run))
    card = hub.repositories["model", "writer/healed"].files()["README.md"].decode()
    assert "the bottom 12.5%" in card and "in whole or in part" in card


def test_a_plugins_region_and_method_are_not_taken_for_the_papers(run):
    """Level 1 of a region that chooses its own layers is not all, and not every method sets norms to 1."""
    damage = results_of(run)["corruption"] | {"level": 1.0, "region": "outer", "method": "halve", "options": {"x_y": 1}}
    text = damage_in_words(damage)
    assert "region outer names at level 1" in text and "halve, x\\_y=1, seed 0" in text
    assert "all of the encoder" not in text and "became" not in text and "drawn anew" not in text
    ours = damage_in_words(damage | {"region": "top", "method": "kaiming_uniform", "options": {}})
    assert ours.startswith("all of the encoder (2 of 4 layers,")
    assert "Norm weights became 1, biases 0, all other weights were drawn anew (kaiming\\_uniform, seed 0)." in ours
    drawn = damage_in_words(damage | {"region": "top", "method": "orthogonal", "options": {}})
    noisy = damage_in_words(damage | {"region": "top", "method": "gaussian_noise", "options": {}})
    kept = damage_in_words(damage | {"region": "top", "method": "kaiming_uniform", "options": {}, "keep_norms": True})
    assert "Norm weights stayed as they were, biases 0, all other weights" in kept
    assert "weights were drawn anew (orthogonal" in drawn and "weights were changed (gaussian" in noisy


def test_training_is_described_as_it_went(run):
    results = results_of(run)
    results["config"] |= {"num_train_epochs": 5, "max_steps": 10, "gradient_accumulation_steps": 4}
    results["metrics"]["per_epoch"][-1]["epoch"] = 1.25
    text = model_card(results, "me/x", Background())
    assert "epochs 1.25, learning rate 0.001, batch size 8 x 4 (gradients accumulated) a process." in text
    assert "random values" not in text


def test_layers_that_were_taken_out_have_no_new_values(run):
    text = damage_in_words(results_of(run)["corruption"] | {"method": "drop_layers"})
    assert "These layers were taken out (drop\\_layers)." in text and "weight" not in text


def test_a_plugins_task_is_named_with_its_plugin(run):
    results = results_of(run)
    results["config"] |= {"task_name": "reviews", "train_file": None, "plugin": ["/home/me/halve.py"]}
    command = reproducing_command(results)
    assert "--task_name reviews" in command and "--plugin halve.py" in command


def test_hostile_labels_are_shown_as_they_are(card):
    assert "<script" not in card.content
    markdown = pytest.importorskip("markdown_it")
    page = markdown.MarkdownIt("commonmark", {"html": True}).enable("table").render(card.text)
    shown = re.findall(r"<td>(.*?)</td>", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown and "a|b *c* `d`" in shown
    assert "<script" not in page and "<em>" not in page


@pytest.mark.parametrize(
    "text", ["a\n# b", "[x](javascript:y)", "<img src=x onerror=y>", "a&lt;b", "$$x$$", "~~x~~", "\\|"]
)
def test_escaped_text_reads_as_itself(text):
    markdown = pytest.importorskip("markdown_it")
    page = (
        markdown.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(f"x {escape(text)}")
    )
    assert html.unescape(page.removeprefix("<p>").removesuffix("</p>\n")) == "x " + " ".join(text.split())
    assert re.findall("<[^>]*>", page) == ["<p>", "</p>"]


def test_command_in_the_card_is_the_same_run(card, flags, files, runs, monkeypatch, tmp_path):
    block = re.search(r"    python -m healbert run.*?\n\n", card.text, flags=re.DOTALL).group()
    argv = shlex.split(block.replace("\\\n", " "))
    assert argv[:4] == ["python", "-m", "healbert", "run"]
    shutil.copytree(flags["model_name_or_path"], tmp_path / "tiny-bert")
    for path in files.values():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    again, _ = parse_arguments(argv[4:])
    assert again.identity() == json.loads((runs / "damaged" / "settings.json").read_text())["identity"]
    assert "--learning_rate 0.001" in block and "--num_train_epochs 2 " in block and "lr_scheduler" not in block


def test_settings_that_were_pushed_can_be_run(hub, run, tmp_path, monkeypatch):
    push_run(repository_of(run))
    (tmp_path / "run.yaml").write_bytes(hub.repositories["model", "writer/healed"].files()["run.yaml"])
    again, _ = parse_arguments([str(tmp_path / "run.yaml"), "--output_dir", "x"])
    assert again.identity() == json.loads((run / "settings.json").read_text())["identity"]
