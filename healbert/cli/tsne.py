"""`healbert tsne`: pictures from the features that runs kept, without a model."""

import pathlib

from ..utils.errors import UserError
from .parser import command_parser


def tsne(argv):
    """Draw the t-SNE picture of a run again, or of several runs side by side."""
    parser = command_parser("tsne", tsne.__doc__)
    parser.add_argument("runs", nargs="+", metavar="DIR", help="folders of runs made with --tsne")
    parser.add_argument(
        "-o", "--output", help="the picture: png, pdf or svg; default: tsne.png in the one folder, or here for several"
    )
    parser.add_argument("--stage", choices=("damaged", "healed"), default="healed", help="what several runs show")
    parser.add_argument("--perplexity", type=float, help="in place of the runs' own")
    options = parser.parse_args(argv)
    from ..probing.feature_file import FeatureFile
    from ..probing.tsne import PICTURE_SUFFIXES, check_tsne, draw_runs, draw_stages

    for run in options.runs:
        if pathlib.Path(run).is_file():
            raise UserError(f"{run} is a file; name the folder of a run")
    output = _output_file(options.output, options.runs, PICTURE_SUFFIXES)
    files = [FeatureFile.read(pathlib.Path(run) / "features.npz") for run in options.runs]
    for file in files:
        file.perplexity = file.perplexity if options.perplexity is None else options.perplexity
        check_tsne(file.labels, file.perplexity, "perplexity")
    try:
        if len(files) == 1:
            draw_stages(output, files[0])
        else:
            draw_runs(output, files, options.stage)
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror}") from error
    print(output)


def _output_file(given, runs, suffixes):
    path = pathlib.Path(given or pathlib.Path(runs[0] if len(runs) == 1 else ".") / "tsne.png")
    if path.is_dir():
        raise UserError(f"--output {path} is a folder; name a file")
    if path.suffix.lower() not in suffixes:
        raise UserError(f"--output {path} ends in none of {', '.join(suffixes)}; give it one of these endings")
    if given and not path.parent.is_dir():
        raise UserError(f"--output {path}: folder {path.parent} does not exist")
    return path
