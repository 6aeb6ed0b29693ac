"""Scans of a tiny classifier, which take seconds."""

from healbert import make_arguments, run_experiment
from healbert.arguments.scan import make_scan
from healbert.experiment.scan import run_scan

from .runs import read


def save_classifier(base, folder, labels=("bad", "good"), spread=0.3):
    """Writes a classifier on a tiny BERT whose weights are spread so wide that its predictions differ."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    names = {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
    torch.manual_seed(3)
    model = AutoModelForSequenceClassification.from_pretrained(base, **names)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 1.0 if name == "classifier.weight" else spread)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return str(folder)


def scan_with(settings, **more):
    """Makes a scan of these settings; returns what scan.json holds."""
    return run_scan(make_scan(settings | more))


def damaged_by_a_run(settings, point, folder, **more):
    """What a run of the same damage says of the damaged model: its ``metrics.damaged``."""
    flags = {name: value for name, value in settings.items() if name not in ("output_dir", "over", "strengths")}
    flags |= point["settings"] | {"corrupt_seed": point["draws"][0]["seed"], "max_steps": 1, **more}
    run_experiment(make_arguments(**flags, output_dir=str(folder)))
    return read(folder)["metrics"]["damaged"]
