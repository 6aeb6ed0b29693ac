"""A kept adapter on the Hub: it opens from there alone, with its damaged base, and predicts what the run did."""

import json
import pathlib

import numpy as np
import pytest
from helpers.publish import repository_of
from helpers.runs import logits
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from healbert import make_arguments, run_experiment
from healbert.healing.places import is_adapter
from healbert.publish.push import push_run

both = pytest.mark.parametrize("healing", ["lora", "dora"])


@pytest.fixture
def adapted(flags, tmp_path):
    def make(healing, keep="adapter"):
        more = {"healing": healing, "healing_options": f"keep={keep}", "learning_rate": 0.02}
        run_experiment(make_arguments(**flags | more | {"output_dir": str(tmp_path / "adapted")}))
        return tmp_path / "adapted"

    return make


@pytest.mark.slow
@both
@pytest.mark.parametrize("revision", [None, "level-half"])
def test_adapter_opens_from_the_hub_alone_as_it_was_scored(hub, flags, adapted, healing, revision):
    folder = adapted(healing)
    push_run(repository_of(folder, revision=revision))
    where = {"revision": revision} if revision else {}
    model = AutoModelForSequenceClassification.from_pretrained("writer/healed", **where).eval()
    tokenizer = AutoTokenizer.from_pretrained("writer/healed", **where)
    assert any(is_adapter(name) for name in model.state_dict())
    lines = pathlib.Path(flags["validation_file"]).read_text(encoding="utf-8").splitlines()[1:]
    texts = [line.partition(",")[0] for line in lines]
    found = np.concatenate([model(**tokenizer([text], return_tensors="pt")).logits.detach().numpy() for text in texts])
    assert np.allclose(found, logits(folder), atol=1e-4)


def test_code_in_the_card_works_and_the_card_says_what_lies_there(hub, adapted):
    folder = adapted("lora")
    push_run(repository_of(folder))
    there = hub.repositories["model", "writer/healed"].files()
    card = there["README.md"].decode()
    assert 'pipeline("text-classification", model="writer/healed")' in card
    assert "is the damaged base model" in card and "pip install peft" in card
    assert pipeline("text-classification", model="writer/healed")("a great film")[0]["label"]
    assert json.loads(there["adapter_config.json"])["base_model_name_or_path"] == "writer/healed"
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] is None


def test_card_of_a_merged_adapter_says_nothing_of_one(hub, adapted):
    push_run(repository_of(adapted("lora", "merged")))
    there = hub.repositories["model", "writer/healed"].files()
    assert "pip install peft" not in there["README.md"].decode() and "adapter_config.json" not in there


def test_card_says_who_taught_and_on_what(hub, flags, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("a great film\na dull town\n" * 4)
    more = {"healing": "distill", "heal_text": str(text), "output_dir": str(tmp_path / "runs" / "taught")}
    run_experiment(make_arguments(**flags | more))
    push_run(repository_of(tmp_path / "runs" / "taught"))
    there = hub.repositories["model", "writer/healed"].files()
    card = there["README.md"].decode()
    assert "Its teacher was the intact model, fine-tuned the same way. It was trained on 8 texts without labels" in card
    assert "--heal_text text.txt" in card and not any("teachers" in name for name in there)
