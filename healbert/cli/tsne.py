"""`healbert tsne`: pictures from the features that runs kept, without a model."""

import pathlib

from ..utils.errors import UserError
from ..utils.files import read_json
from .parser import command_parser


def tsne(argv):
    """Draw the t-SNE picture of a run again, or of several runs, seeds down, side by side."""
    parser = command_parser("tsne", tsne.__doc__)
    parser.add_argument("runs", nargs="+", metavar="DIR", help="folders of runs made with --tsne")
    parser.add_argument(
        "-o", "--output", help="the picture: png, pdf or svg; default: tsne.png in the one folder, or here for several"
    )
    parser.add_argument("--stage", choices=("damaged", "healed"), default="healed", help="what several runs show")
    parser.add_argument("--perplexity", type=float, help="in place of the runs' own")
    options = parser.parse_args(argv)
    from ..probing.feature_file import FeatureFile
    from ..probing.tsne import PICTURE_SUFFIXES, draw_runs, draw_stages

    for run in options.runs:
        if pathlib.Path(run).is_file():
            raise UserError(f"{run} is a file; name the folder of a run")
    output = _output_file(options.output, options.runs, PICTURE_SUFFIXES)
    files = [FeatureFile.read(pathlib.Path(run) / "features.npz") for run in options.runs]
    for file in files:
        file.perplexity = file.perplexity if options.perplexity is None else options.perplexity
    _check(files)
    try:
        if len(files) == 1:
            draw_stages(output, files[0])
        else:
            draw_runs(output, files, options.stage, _seeds(options.runs))
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror}") from error
    print(output)


def _check(files):
    """Raises `UserError` where t-SNE can be drawn of none of the runs; else the panels of the others say so."""
    from ..probing.tsne import check_tsne

    errors = []
    for file in files:
        try:
            check_tsne(file.labels, file.perplexity, "perplexity")
        except UserError as error:
            errors.append(error)
    if len(errors) == len(files):
        raise errors[0]


def _seeds(runs):
    """What tells runs of one damage apart, for each: "seed 1", or nothing where their results do not say it."""
    from ..results.validation import SEEDS

    configs = [_config(pathlib.Path(run)) for run in runs]
    names = []
    for name in SEEDS:  # several only where one does not tell all apart, as seeds do that are crossed
        if _distinct(configs, [*names, name]) > _distinct(configs, names):
            names.append(name)
    return [", ".join(f"{name} {config.get(name)}" for name in names) for config in configs]


def _distinct(configs, names):
    return len({tuple(config.get(name) for name in names) for config in configs})


def _config(run):
    results = read_json(run / "results.json") if (run / "results.json").is_file() else None
    config = results.get("config") if isinstance(results, dict) else None
    return config if isinstance(config, dict) else {}


def _output_file(given, runs, suffixes):
    path = pathlib.Path(given or pathlib.Path(runs[0] if len(runs) == 1 else ".") / "tsne.png")
    if path.is_dir():
        raise UserError(f"--output {path} is a folder; name a file")
    if path.suffix.lower() not in suffixes:
        raise UserError(f"--output {path} ends in none of {', '.join(suffixes)}; give it one of these endings")
    if given and not path.parent.is_dir():
        raise UserError(f"--output {path}: folder {path.parent} does not exist")
    return path
