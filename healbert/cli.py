"""`python -m healbert COMMAND`: what is made of finished cells."""

import argparse
import pathlib
import sys

from .errors import UserError, check_choice, exit_codes


def tsne(argv):
    """Draw the t-SNE picture of a cell again, or of several cells side by side."""
    parser = _parser("tsne", tsne.__doc__)
    parser.add_argument("cells", nargs="+", metavar="DIR", help="folders of cells that were run with --tsne")
    parser.add_argument(
        "-o", "--output", help="the picture: png, pdf or svg; default: tsne.png in the one folder, or here for several"
    )
    parser.add_argument("--stage", choices=("damaged", "healed"), default="healed", help="what several cells show")
    parser.add_argument("--perplexity", type=float, help="in place of the cells' own")
    options = parser.parse_args(argv)
    from .feature_file import FeatureFile
    from .plots import PICTURE_SUFFIXES, check_tsne, draw_cells, draw_stages

    for cell in options.cells:
        if pathlib.Path(cell).is_file():
            raise UserError(f"{cell} is a file; name the folder of a cell")
    output = _output_file(options.output, options.cells, PICTURE_SUFFIXES)
    files = [FeatureFile.read(pathlib.Path(cell) / "features.npz") for cell in options.cells]
    for file in files:
        file.perplexity = file.perplexity if options.perplexity is None else options.perplexity
        check_tsne(file.labels, file.perplexity, "perplexity")
    try:
        if len(files) == 1:
            draw_stages(output, files[0])
        else:
            draw_cells(output, files, options.stage)
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error.strerror}") from error
    print(output)


def _output_file(given, cells, suffixes):
    path = pathlib.Path(given or pathlib.Path(cells[0] if len(cells) == 1 else ".") / "tsne.png")
    if path.is_dir():
        raise UserError(f"--output {path} is a folder; name a file")
    if path.suffix.lower() not in suffixes:
        raise UserError(f"--output {path} ends in none of {', '.join(suffixes)}; give it one of these endings")
    if given and not path.parent.is_dir():
        raise UserError(f"--output {path}: folder {path.parent} does not exist")
    return path


# name -> function(argv); its docstring is its help.
COMMANDS = {"tsne": tsne}


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message} (see {self.prog} --help)")


def _parser(command, description):
    return _Parser(prog=f"python -m healbert {command}", description=description, allow_abbrev=False)


def main():
    exit_codes(_main)


def _main():
    argv = sys.argv[1:]
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m healbert COMMAND ...\n")
        for name, command in COMMANDS.items():
            print(f"  {name:<8} {command.__doc__.splitlines()[0]}")
        print("\npython -m healbert COMMAND --help explains a command.")
        return
    check_choice("command", argv[0], COMMANDS)
    COMMANDS[argv[0]](argv[1:])
