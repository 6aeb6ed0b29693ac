"""`python -m healbert COMMAND`: what is made of finished cells."""

import argparse
import pathlib
import sys

from .errors import UserError, check_choice, exit_codes


def tsne(argv):
    """Draw the t-SNE picture of a cell again, or of several cells side by side."""
    parser = _parser("tsne", tsne.__doc__)
    parser.add_argument("cells", nargs="+", metavar="DIR", help="folders of cells that were run with --tsne")
    parser.add_argument("-o", "--output", help="the picture; default: tsne.png in the one folder, or here for several")
    parser.add_argument("--stage", choices=("damaged", "healed"), default="healed", help="what several cells show")
    parser.add_argument("--perplexity", type=float, help="in place of the cells' own")
    options = parser.parse_args(argv)
    from .features import FeatureFile
    from .plots import check_tsne, draw_cells, draw_stages

    files = [FeatureFile.read(pathlib.Path(cell) / "features.npz") for cell in options.cells]
    for file in files:
        file.perplexity = file.perplexity if options.perplexity is None else options.perplexity
        check_tsne(file.labels, file.perplexity)
    output = pathlib.Path(options.output or pathlib.Path(options.cells[0] if len(files) == 1 else ".") / "tsne.png")
    if output.is_dir():
        raise UserError(f"--output {output} is a folder; name a file")
    if not output.parent.is_dir():
        raise UserError(f"--output {output}: folder {output.parent} does not exist")
    if len(files) == 1:
        draw_stages(output, files[0])
    else:
        draw_cells(output, files, options.stage)
    print(output)


def report(argv):
    """Make tables, verdicts and figures of a folder of cells: HTML, Markdown, LaTeX, CSV, pictures."""
    parser = _parser("report", report.__doc__)
    parser.add_argument("directory", metavar="DIR", help="results of a sweep, finished or not, or of a single cell")
    parser.add_argument("-o", "--output", metavar="OUT", help="the folder to write; default: report in DIR")
    parser.add_argument("--seed", type=int, default=0, help="of resampling, permutations and t-SNE; default: 0")
    options = parser.parse_args(argv)
    from .report import make_report, terminal_text

    content, output = make_report(options.directory, options.output, options.seed)
    print(f"{terminal_text(content)}\n\n{output / 'report.html'}")


# name -> function(argv); its docstring is its help.
COMMANDS = {"report": report, "tsne": tsne}


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
