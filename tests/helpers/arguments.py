"""Arguments of runs, from flags, files and Python."""

from healbert.arguments.parser import make_arguments, parse_arguments

# Settings whose way through YAML and back is not plain: dictionaries, lists, percentages, floats with exponents.
UNUSUAL = {
    "learning_rate": 1e-7,
    "warmup_steps": 0.1,
    "lr_scheduler_type": "cosine_with_restarts",
    "lr_scheduler_kwargs": {"num_cycles": 2},
    "label_smoothing_factor": 0.1,
    "report_to": ["none"],
    "run_name": "déjà: vu",
    "train_sampling_strategy": "random",
    "model_revision": "1.0",
    "max_train_samples": 20,
    "corrupt_seed": 3,
    "disable_tqdm": True,
}


def parse(*argv):
    return parse_arguments(["--use_cpu", *map(str, argv)])[0]


def parse_file(path, *argv):
    return parse_arguments([str(path), "--use_cpu", *map(str, argv)])[0]


def run(**settings):
    """Arguments of a damaged run, apart from ``settings``."""
    return make_arguments(**{"use_cpu": True, "corrupt_level": 0.5, **settings})
