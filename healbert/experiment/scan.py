"""A scan: damages one part of a model after the other, evaluates, undoes the damage and goes on; nothing trains."""

import pathlib

from transformers import logging as hf_logging

from ..damage.apply import corrupt
from ..models.layers import find_layers
from ..models.loading import load_encoder
from ..results.scan import SCAN_SCHEMA
from ..utils.errors import UserError
from .disk import faults_of_the_disk
from .loading import LoadCache, load
from .offline import require_hub_or_cache
from .provenance import environment
from .run import set_threads
from .scan_folder import Draws, finish_scan, finished_scan, marker_of, open_scan, plain
from .scan_head import prepare_head
from .scan_measure import Intact
from .scan_points import plan
from .scan_skip import Skipping
from .scan_summary import summarise_point, widest
from .stages import Experiment


def run_scan(scan, tell=lambda done, of, point: None):
    """Makes a scan, goes on with one that was broken off, or reports a finished one from disk.

    Args:
        scan: a `Scan`.
        tell: called before each point with how many are done, how many there are, and the `Point`.

    Returns:
        dict: what ``scan.json`` holds.

    Raises:
        UserError: if something that the user gave cannot be used; nothing on disk is overwritten then.
    """
    output_dir, marker = pathlib.Path(scan.output_dir), marker_of(scan)
    if finished := finished_scan(output_dir, marker):
        return finished
    hf_logging.disable_progress_bar()
    set_threads(scan.arguments)
    require_hub_or_cache(scan.arguments)
    experiment = Experiment(scan.arguments, *load(scan.arguments, LoadCache(0)))
    points = plan(find_layers(experiment.model, scan.spec(scan.damage_at()).side), scan)
    head = prepare_head(experiment, scan.options.linear_probe)
    with faults_of_the_disk(output_dir), open_scan(output_dir, marker) as draws:
        if not isinstance(draws, Draws):
            return draws
        bench = _Bench(scan, experiment, points, draws)
        entries = [bench.measure(index, tell) for index in range(len(points))]
        results = _results(scan, experiment, head, bench.intact.metrics, entries)
        finish_scan(output_dir, results)
        return results


def _results(scan, experiment, head, intact, entries):
    found = environment(scan.arguments.training)
    del found["peak_memory_mib"]  # one that was broken off and one that was not leave the same file
    return plain(
        {
            "schema_version": SCAN_SCHEMA,
            "config": scan.settings(),
            "task": experiment.task.describe(),
            "model": experiment.description | head,
            "intact": intact,
            "points": entries,
            "environment": found,
            **({"plugins": scan.arguments.plugins} if scan.arguments.plugins else {}),
        }
    )


class _Bench:
    """An intact model on which one damage after the other is measured."""

    def __init__(self, scan, experiment, points, draws):
        self.scan, self.experiment, self.points, self.draws = scan, experiment, points, draws
        self.first_seed, self.donor = scan.spec(scan.damage_at()).seed, _donor(scan)
        experiment.begin()
        if scan.options.most > 1:
            self._require_chance()
        side = scan.spec(scan.damage_at()).side
        # How often a decoder that writes is passed depends on what it writes.
        self.skipping = Skipping(experiment.model, side, side == "encoder" or experiment.trainer.generates is None)
        with self.skipping.recording():
            metrics, output = experiment.evaluate()
        metrics = plain(metrics)
        draws.begin(metrics)
        self.intact = Intact(experiment.kind, metrics, output.predictions)

    def measure(self, index, tell):
        """The entry of a point in scan.json, after as many draws as were asked for."""
        point, options, found = self.points[index], self.scan.options, []
        tell(index, len(self.points), point)
        while len(found) < options.repeats or self._goes_on(found):
            draw = len(found)
            if (index, draw) not in self.draws.kept:
                self.draws.keep(index, draw, plain(self._draw(point, self.first_seed + draw)))
            found.append(self.draws.kept[index, draw])
        return point.describe() | summarise_point(found, self.intact.metrics, self.experiment.task)

    def _goes_on(self, found):
        options = self.scan.options
        if options.until_width is None or len(found) >= options.max_repeats:
            return False
        return widest(found, self.experiment.task) > options.until_width

    def _draw(self, point, seed):
        """What one draw of a damage does; afterwards the model is intact again."""
        receipt = self._corrupt(point, seed)
        try:
            found = self._evaluate(receipt)
        finally:
            receipt.undo(self.experiment.model)
        names = ("tensors", "scalars", "fraction_of_encoder", "fraction_of_model", "relative_l2")
        return {"seed": seed, **{name: receipt.summary[name] for name in names}, **found}

    def _corrupt(self, point, seed):
        spec = self.scan.spec(point.settings | {"corrupt_seed": seed})
        return corrupt(self.experiment.model, spec, donor=self.donor)

    def _evaluate(self, receipt):
        if not _moved(receipt):  # the same weights give the same figures
            return self.intact.same
        with self.skipping.below(entry["name"] for entry in receipt.tensors):
            metrics, output = self.experiment.evaluate()
        return self.intact.compare(metrics, output.predictions)

    def _require_chance(self):
        """Raises `UserError` where draws of another seed are the same: intervals would be of nothing."""
        values = []
        for seed in (self.first_seed, self.first_seed + 1):
            receipt = self._corrupt(self.points[-1], seed)
            values.append([entry["sha256_after"] for entry in receipt.tensors] if _moved(receipt) else [seed])
            receipt.undo(self.experiment.model)
        if values[0] == values[1]:
            raise UserError(f"method '{self.scan.method}' draws nothing at random; leave out --repeats, --until_width")


def _moved(receipt):
    return any(entry["sha256_before"] != entry["sha256_after"] for entry in receipt.tensors)


def _donor(scan):
    source = scan.arguments.sources.donor
    return None if source is None else load_encoder(source)
