"""How a healed model is opened and asked, as its card shows."""

CALLED = {  # what a pipeline does
    "feature-extraction": "embed",
    "fill-mask": "fill",
    "text-generation": "write",
    "token-classification": "tag",
}

WRITES = {  # what a model is asked for where there is no pipeline
    "summarization": '\ninputs = tokenizer("A long text.", return_tensors="pt")\n'
    "print(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True))"
}


def usage(results, repo_id, kind):
    """A few lines of Python.

    Args:
        results: what the run's ``results.json`` holds.
        repo_id: where the model lies.
        kind: the run's `TaskType`; None of a plugin that is not at hand.
    """
    if kind and not kind.pipeline:
        return (
            f"from transformers import {kind.auto_class}, AutoTokenizer\n\n"
            f'model = {kind.auto_class}.from_pretrained("{repo_id}")\n'
            f'tokenizer = AutoTokenizer.from_pretrained("{repo_id}")' + WRITES.get(kind.hub_task, "")
        )
    task = kind.hub_task if kind else "text-classification"
    imports = "import healbert.models.pooling  # registers the mean-pooling head (from the HealBERT package)\n"
    return (
        (imports if results["config"]["pooling"] == "mean" and not (kind and kind.pools) else "")
        + "from transformers import pipeline\n\n"
        + f'{CALLED.get(task, "classify")} = pipeline("{task}", model="{repo_id}")'
    )
