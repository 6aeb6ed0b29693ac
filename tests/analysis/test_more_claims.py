"""Claims on how much seeds scatter, and on what features look like."""

import dataclasses

import numpy as np
import pytest
from helpers.report_runs import analysed, told, verdict_of
from helpers.simulated import Truth, simulate
from scipy import stats

from healbert.analysis.analysis import analyse
from healbert.analysis.collect import collect
from healbert.analysis.entries import Results
from healbert.analysis.paper import read_paper
from healbert.analysis.predictions import Predictions
from healbert.analysis.verdict import CONTRADICTED, INCONCLUSIVE, SUPPORTED
from healbert.analysis.verdicts import LETTERS, judge
from healbert.report.sentences import first_line
from healbert.utils.errors import UserError

STUDY = Truth(datasets=("sst2",), seeds=tuple(range(4)), levels=(0, 0.5))


def with_setting(root, name, values, noises, edit=None):
    """Verdicts of a study whose groups differ in a setting alone, each with its own spread between seeds."""
    for number, (value, noise) in enumerate(zip(values, noises, strict=True)):

        def change(results, value=value):
            results["config"][name] = value
            return edit(results, value) if edit else None

        simulate(root / str(value), dataclasses.replace(STUDY, noise=(noise, noise)), number, change)
    return judge([Results(group) for group in collect(root).groups], Predictions(0))


class TestSpreads:
    @pytest.mark.parametrize(
        ("letter", "name", "values"),
        [("d", "pooling", ("mean", "cls")), ("e", "healing", ("linear_probe", "full"))],
    )
    def test_wider_is_supported_and_narrower_contradicted(self, tmp_path, letter, name, values):
        for noises, verdict in (
            ((0.03, 0.003), SUPPORTED),
            ((0.003, 0.03), CONTRADICTED),
            ((0.01, 0.01), INCONCLUSIVE),
        ):
            found = verdict_of(with_setting(tmp_path / verdict, name, values, noises), letter, "sst2")
            assert found.verdict == verdict and " times as much as with " in first_line(found)
            assert found.group.settings[name] == values[0]

    def test_ratio_by_hand(self, tmp_path):
        found = verdict_of(with_setting(tmp_path, "pooling", ("mean", "cls"), (0.02, 0.01)), "d", "sst2")
        variances = {}
        for group in collect(tmp_path).groups:
            cells = [list(entry.scores().values()) for entry in Results(group).entries.values()]
            variances[group.settings["pooling"]] = np.mean([np.var(cell, ddof=1) for cell in cells])
        ratio, df = variances["mean"] / variances["cls"], 3 * 3  # intact, bottom and top; four seeds each
        assert found.outcome.effect == pytest.approx(np.sqrt(ratio))
        low, high = (np.sqrt(ratio / stats.f.ppf(at, df, df)) for at in (0.975, 0.025))
        assert found.outcome.interval == pytest.approx((low, high))
        assert found.outcome.p == pytest.approx(2 * min(stats.f.sf(ratio, df, df), stats.f.cdf(ratio, df, df)))
        assert f"(95% interval {low:.2f} to {high:.2f})" in first_line(found)

    def test_groups_that_differ_in_more_are_not_compared(self, tmp_path):
        def edit(results, value):
            results["config"]["num_train_epochs"] = {"mean": 3, "cls": 5}[value]

        verdicts = with_setting(tmp_path, "pooling", ("mean", "cls"), (0.02, 0.01), edit)
        assert "d" not in {verdict.claim.letter for verdict in verdicts}

    def test_the_dataset_that_both_have_is_named(self, tmp_path):
        """The first of mean tokens' datasets has no runs with [CLS]."""
        for value, datasets in (("mean", ("emotion", "sst2")), ("cls", ("sst2",))):
            truth = dataclasses.replace(STUDY, datasets=datasets)
            simulate(tmp_path / value, truth, len(value), lambda results, v=value: results["config"].update(pooling=v))
        found = [verdict for verdict in analyse(tmp_path).verdicts if verdict.claim.letter == "d"]
        assert [(verdict.scope, verdict.datasets) for verdict in found] == [("sst2", 1)]

    def test_one_seed_has_no_spread(self, tmp_path):
        def edit(results, value):
            return results["config"]["seed"] == 0

        found = verdict_of(with_setting(tmp_path, "pooling", ("mean", "cls"), (0.02, 0.01), edit), "d", "sst2")
        assert first_line(found) == "Inconclusive: nothing to compare yet." and "no seeds that differ" in told(found)


class TestFeatures:
    def study(self, root, lost):
        rng = np.random.default_rng(0)

        def add(results):
            low = lost * results["config"]["corrupt_level"]
            values = {name: 0.6 - low + rng.normal(0, 0.01) for name in ("silhouette", "neighbour_agreement")}
            results["features"] = {"examples": 60, "healed": values}

        simulate(root, STUDY, change=add)
        results, predictions = analysed(root)
        return judge([results], predictions)

    def test_mixed_classes(self, tmp_path):
        verdicts = self.study(tmp_path, 0.4)
        for letter, title in (("f, silhouette", "silhouette"), ("f, neighbours", "neighbour agreement")):
            found = verdict_of(verdicts, letter, "sst2")
            assert found.verdict == SUPPORTED and found.outcome.effect == pytest.approx(0.2, abs=0.02)
            assert f"damage lowers the {title} of healed features by 0.2" in first_line(found)
            assert "weighted F1" not in told(found) and list(found.rulings) == ["chosen epoch"]

    def test_features_that_are_clearer(self, tmp_path):
        assert verdict_of(self.study(tmp_path, -0.4), "f, silhouette", "sst2").verdict == CONTRADICTED

    def test_runs_without_features_are_not_spoken_of(self, tmp_path):
        simulate(tmp_path, STUDY)
        results, predictions = analysed(tmp_path)
        assert [verdict.claim.letter for verdict in judge([results], predictions)] == ["a", "b, bottom", "b, top", "c"]


class TestPaper:
    def write(self, folder, text):
        path = folder / "paper.yaml"
        path.write_text(text)
        return path

    def test_figures_stand_beside_the_verdicts(self, tmp_path):
        simulate(tmp_path / "runs", STUDY)
        path = self.write(tmp_path, "a: 0.08\nb, bottom: {sst2: about 0.05, imdb: 0.1}\n")
        verdicts = analyse(tmp_path / "runs", paper=read_paper(path, LETTERS)).verdicts
        assert verdict_of(verdicts, "a", "sst2").paper == "0.08", "the only dataset is all of them"
        assert verdict_of(verdicts, "c", "sst2").paper == ""
        assert "The paper: about 0.05." in told(verdict_of(verdicts, "b, bottom", "sst2"))

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("- a\n", "holds no claims"),
            ("z: 1\n", "names claim 'z'; claims are 'a'"),
            ("a: [1, 2]\n", "claim 'a' has \\[1, 2\\]; write a number or a text"),
            ("a: {", "is no YAML"),
        ],
    )
    def test_rubbish_is_refused(self, tmp_path, text, error):
        with pytest.raises(UserError, match=error):
            read_paper(self.write(tmp_path, text), LETTERS)
        with pytest.raises(UserError, match="cannot be read"):
            read_paper(tmp_path / "none.yaml", LETTERS)
