"""What the tests of pushing share."""

import json

from healbert.publish.repository import Repository

TOKEN = "hf_writer"
LABELS = {"bad": "<script>alert(1)</script>", "good": "a|b *c* `d`"}
IN_COMMIT = {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
IN_COMMIT |= {"corruption.json", "results.json", "run.yaml"}


def repository_of(run, repo_id="writer/healed", **options):
    return Repository(run, repo_id, token=TOKEN, **options)


def results_of(run):
    return json.loads((run / "results.json").read_text(encoding="utf-8"))
