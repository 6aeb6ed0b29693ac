"""`healbert report`: from a folder of runs to a report's files, and its main table on the terminal."""

from .parser import command_parser


def report(argv):
    """Make tables, verdicts and figures of a folder of runs: HTML, Markdown, LaTeX, CSV, pictures."""
    parser = command_parser("report", report.__doc__)
    parser.add_argument("directory", metavar="DIR", help="results of a sweep, finished or not, or of a single run")
    parser.add_argument("-o", "--output", metavar="OUT", help="the folder to write; default: report in DIR")
    parser.add_argument("--seed", type=int, default=0, help="of resampling, permutations and t-SNE; default: 0")
    help_margin = "difference of scores below which none counts; default: 0.01 for scores from 0 to 1, else none"
    parser.add_argument("--margin", type=float, metavar="X", help=help_margin)
    help_paper = "YAML of the paper's own figures by claim, to stand beside the verdicts"
    parser.add_argument("--paper", metavar="FILE", help=help_paper)
    help_plugin = "file or module that registers tables, figures, formats, task types; several allowed"
    parser.add_argument("--plugin", nargs="+", action="extend", default=[], metavar="FILE", help=help_plugin)
    options = parser.parse_args(argv)
    from ..arguments.plugins import load_plugins

    load_plugins(options.plugin)
    from ..report.formats.terminal import terminal_text
    from ..report.write import make_report

    content, output = make_report(options.directory, options.output, options.seed, options.margin, options.paper)
    print(f"{terminal_text(content)}\n\n{output / 'report.html'}")
