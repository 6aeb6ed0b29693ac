"""A sweep in rounds: seeds are added where an interval is still too wide."""

from .plan import make_plan
from .seeds import check_plan, enough, measure, next_seeds, with_seeds
from .sweep_file import Listed

FLAG = "--until_width"


def run_until(plan, output_dir, width, max_seeds, run, processes=1, told=print):
    """Runs a sweep, then adds seeds of training and of the damage together until intervals are narrow.

    Rounds follow from what is on disk alone, so that an interrupted one goes on with the same command.

    Args:
        plan: the sweep's own `Plan`, of its file.
        output_dir: the sweep's results folder.
        width: of the interval of intact minus healed over seeds, in the metric's own unit; see `seeds.enough`.
        max_seeds: a dataset and damage get no more.
        run: function of a `Plan` and of what its file is to say of the rule; runs what of it is to do.
        processes: that train one run together.
        told: function of a line of text, called before each round.

    Returns:
        Plan: all runs, the added ones among them.

    Raises:
        UserError: if seeds cannot be added to this sweep; nothing has run then.
    """
    check_plan(plan, FLAG)
    until, grown, before = {"width": width, "max_seeds": max_seeds}, plan, {}
    while True:
        run(grown, until)
        pairs = measure(output_dir, grown)
        wide = [pair for pair in pairs if not enough(pair.values, width)]
        stuck = {pair.label for pair in wide if before.get(pair.label) == len(pair.values)}
        more = [pair for pair in wide if pair.label not in stuck]
        wanted = [(pair, next_seeds(pair.values, width, max_seeds)) for pair in more]
        # What an interrupted round has left is part of the sweep, too.
        there = [(pair, len(pair.values)) for pair in pairs if len(pair.values) > len(pair.seeds)]
        before = {pair.label: len(pair.values) for pair in more}
        larger = _grown(grown, plan, wanted + there, output_dir, processes)
        if len(larger.runs) == len(grown.runs):
            _tell_end(wide, width, max_seeds, stuck, told)
            return grown
        if todo := len(larger.in_state("todo")):
            told(f"{len(more)} of {len(pairs)} intervals are wider than {width:g}, or were until now: {todo} more runs")
        grown = larger


def _grown(grown, plan, wanted, output_dir, processes):
    listed = [run.settings for run in grown.runs] + with_seeds(plan, wanted)
    found = make_plan(Listed(runs=listed), output_dir, processes)
    found.source, found.name, found.duplicates = plan.source, plan.name, plan.duplicates
    return found


def _tell_end(wide, width, max_seeds, stuck, told):
    for pair in wide:
        why = "its last seeds ended without a score" if pair.label in stuck else f"it has {len(pair.values)} seeds"
        shown = "unknown" if pair.width is None else f"{pair.width:.3g}"
        told(f"still wide: {pair.label}: {shown}, not {width:g}; {why} (--max_seeds {max_seeds})")
