"""From runs with known effects to groups, chosen learning rates and tables."""

import itertools
import json

import numpy as np
import pytest
from helpers.report_runs import Maker, analysed, verdict_of
from helpers.simulated import Truth, simulate
from scipy import stats

from healbert.analysis.collect import collect
from healbert.analysis.contrasts import costs
from healbert.analysis.runs import ALL, INTACT, Damage
from healbert.analysis.verdicts import judge
from healbert.report.content import make_content


def given(root, scores, names=("n", "p")):
    """Runs of top damage with the scores of {level: [(damaged, healed) of each seed]}."""
    maker = Maker(root, {"sst2": (list(names), 60)})
    for level, of_seeds in scores.items():
        for seed, (damaged, healed) in enumerate(of_seeds):
            path = maker.run("sst2", level, "top", seed=seed) / "results.json"
            results = json.loads(path.read_text())
            results["metrics"]["damaged"]["f1_weighted"], results["metrics"]["healed"]["f1_weighted"] = damaged, healed
            path.write_text(json.dumps(results))


def recovery_cell(content):
    table = content.groups[0].table("recovery")
    return table.rows[0].cells[table.columns.index("recovery")]


class TestGroups:
    def test_methods_are_kept_apart_and_share_the_intact_runs(self, tmp_path):
        maker = Maker(tmp_path).sweep(levels=(0,), seeds=(0,))
        for method in ("zeros", "kaiming_uniform"):
            maker.sweep(levels=(0.5, 1), seeds=(0,), corrupt_method=method)
        groups = collect(tmp_path).groups
        assert [group.method for group in groups] == ["kaiming_uniform", "zeros"]
        for group in groups:
            assert {run.config["corrupt_method"] for run in group.runs if run.damage != INTACT} == {group.method}
            assert sum(run.damage == INTACT for run in group.runs) == 4  # two datasets, two rates

    def test_models_and_poolings_are_kept_apart(self, tmp_path):
        maker = Maker(tmp_path)
        for model, pooling in (("org/one", "cls"), ("org/one", "mean"), ("/models/two", "cls")):
            maker.sweep(levels=(0, 0.5), seeds=(0,), rates=(2e-5,), model_name_or_path=model, pooling=pooling)
        labels = [group.label for group in collect(tmp_path).groups]
        assert labels == [
            "org/one, kaiming_uniform, pooling cls",
            "org/one, kaiming_uniform, pooling mean",
            "two, kaiming_uniform, pooling cls",
        ]

    def test_settings_of_a_dataset_do_not_split(self, tmp_path):
        maker = Maker(tmp_path)
        maker.run("sst2", 0.5, num_train_epochs=10.0, torch_num_threads=1)
        maker.run("sst2", 0.5, num_train_epochs=10, torch_num_threads=2)
        maker.run("emotion", 0.5, num_train_epochs=4)
        assert len(collect(tmp_path).groups) == 1

    def test_files_of_the_same_name_are_two_datasets(self, tmp_path):
        maker = Maker(tmp_path, {"a/train.csv": (["x", "y"], 50), "b/train.csv": (["x", "y"], 50)})
        for file in maker.datasets:
            maker.run(file, 0.5, task_name=None, train_file=file)
        assert collect(tmp_path).groups[0].datasets == [
            "train (train_file a/train.csv)",
            "train (train_file b/train.csv)",
        ]


class TestChoice:
    def make(self, root, **scores):
        """One run per (rate, seed): score; the evaluation score is what is given, or with dev a pair."""
        maker = Maker(root)
        for rate, by_seed in scores.items():
            for seed, score in enumerate(by_seed):
                status = "completed" if score is not None else "diverged"
                healed, dev = score if isinstance(score, tuple) else (score, None)
                selection = "dev" if isinstance(score, tuple) else "best_eval"
                folder = maker.run("sst2", 0.5, "top", float(rate[1:]), seed, status, selection=selection)
                results = json.loads((folder / "results.json").read_text())
                if score is not None:
                    results["metrics"]["healed"]["f1_weighted"] = healed
                if selection == "dev":
                    results["metrics"]["dev"]["f1_weighted"] = dev
                (folder / "results.json").write_text(json.dumps(results))
        results, _ = analysed(root)
        return results.get("sst2", Damage(0.5, "top"))

    def test_best_mean_on_the_evaluation_split(self, tmp_path):
        entry = self.make(tmp_path, r1=(0.7, 0.9), r2=(0.81, 0.81))
        assert entry.rate == 2 and entry.scores() == {0: 0.81, 1: 0.81}

    def test_dev_selection_chooses_by_dev(self, tmp_path):
        entry = self.make(tmp_path, r1=((0.9, 0.5), (0.9, 0.5)), r2=((0.6, 0.7), (0.6, 0.7)))
        assert entry.rate == 2 and entry.scores() == {0: 0.6, 1: 0.6} and entry.scores("dev") == {0: 0.7, 1: 0.7}

    def test_a_rate_with_seeds_without_a_score_does_not_win(self, tmp_path):
        entry = self.make(tmp_path, r1=(0.7, 0.7), r2=(0.95, None))
        assert entry.rate == 1 and entry.without_score_elsewhere() == 1 and not entry.without_score_here()

    def test_one_seed_of_a_half_finished_rate_chooses_nothing(self, tmp_path):
        entry = self.make(tmp_path, r1=(0.7, 0.7), r2=(0.95,))
        assert entry.rate == 1 and entry.scores() == {0: 0.7, 1: 0.7}

    def test_a_run_without_the_score_that_chooses_is_named(self, tmp_path):
        entry = self.make(tmp_path, r1=((0.9, 0.5), (0.9, None)))
        assert entry.scores() == {0: 0.9} and entry.without_score_here() == {"without a score": 1}

    def test_nothing_but_runs_without_a_score(self, tmp_path):
        entry = self.make(tmp_path, r1=(None, None), r2=(None,))
        assert entry.rate is None and entry.values == [] and entry.without_score_here()["diverged"] == 3


class TestMainTable:
    def test_level_1_of_a_plugins_region_is_not_all_of_the_encoder(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        for level, region in ((0, "bottom"), (1, "top"), (1, "outer"), (0.5, "outer")):
            maker.run("sst2", level, region)
        assert {run.damage for run in collect(tmp_path).runs} == {INTACT, ALL, Damage(1, "outer"), Damage(0.5, "outer")}
        found = {(r["level"], r["region"]) for r in make_content(tmp_path).groups[0].table("main").records}
        assert {(1, "shared"), (1, "outer")} <= found

    def test_mean_spread_and_paired_drop_by_hand(self, full_sweep, full_content):
        records = {(r["dataset"], r["level"], r["region"]): r for r in full_content.groups[0].table("main").records}
        record = records["sst2", 0.5, "bottom"]
        by_rate, intact = {}, {}
        for folder in full_sweep.iterdir():
            results = json.loads((folder / "results.json").read_text())
            config = results["config"]
            if results["status"] != "completed" or config["task_name"] != "sst2":
                continue
            score = results["metrics"]["healed"]["f1_weighted"]
            if config["corrupt_level"] == 0:
                intact.setdefault(config["learning_rate"], {})[config["seed"]] = score
            elif (config["corrupt_level"], config["corrupt_region"]) == (0.5, "bottom"):
                by_rate.setdefault(config["learning_rate"], {})[config["seed"]] = score
        best = max(by_rate.values(), key=lambda scores: np.mean(list(scores.values())))
        best_intact = max(intact.values(), key=lambda scores: np.mean(list(scores.values())))
        assert record["healed_mean"] == pytest.approx(np.mean(list(best.values())))
        assert record["healed_sd"] == pytest.approx(np.std(list(best.values()), ddof=1)) and record["n"] == 3
        row = next(
            row
            for row in full_content.groups[0].table("main").rows
            if [c.text for c in row.cells[:2]] == ["sst2", "bottom"]
        )
        cell = row.cells[full_content.groups[0].table("main").columns.index("50% (3 of 6 layers)")]
        drop = np.mean([best[seed] - best_intact[seed] for seed in best])
        assert cell.text == f"{np.mean(list(best.values())):.3f} ± {np.std(list(best.values()), ddof=1):.3f}"
        assert f"\u2212{abs(drop):.3f}, n 3, lr 5e-5" == cell.note

    def test_intact_and_all_stand_in_both_rows(self, full_content):
        rows = [row.cells for row in full_content.groups[0].table("main").rows if row.cells[0].text == "sst2"]
        assert [row[1].text for row in rows] == ["bottom", "top"]
        assert rows[0][2] == rows[1][2] and rows[0][-1] == rows[1][-1] and rows[0][3] != rows[1][3]

    def test_the_true_share_is_on_the_axis(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0, "top")
        hit = {"layers_hit": [4, 5], "num_layers": 6, "fraction_of_encoder": 2 / 6}
        maker.run("sst2", 0.25, "top", _corruption=hit)
        hit = {"layers_hit": [3, 4, 5], "num_layers": 6, "fraction_of_encoder": 0.45, "unit": "parameter"}
        maker.run("sst2", 0.5, "top", _corruption=hit)
        content = make_content(tmp_path)
        columns = ["dataset", "region", "intact", "25% (2 of 6 layers)", "50% (45% of the encoder)"]
        assert content.groups[0].table("main").columns == columns
        (levels,) = [figure for figure in content.figures if figure.kind == "levels"]
        (line,) = levels.panels[0].content.series
        assert line.x == [0, 33.3, 45]
        assert levels.panels[0].content.ticks == {0: "0%", 33.3: "25%\n(33.3%)", 45: "50%\n(45%)"}
        assert "level 25% is 33.3%, level 50% is 45%" in levels.caption
        assert content.table("runs").rows[1].cells[2].text == "top 25% (2 of 6 layers)"

    def test_the_axis_names_levels_as_verdicts_do_and_says_how_many_layers(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0, "top")
        for level, layers in ((0.25, [4, 5]), (0.3, [4, 5]), (0.5, [3, 4, 5])):
            hit = {"layers_hit": layers, "num_layers": 6, "fraction_of_encoder": len(layers) / 6}
            maker.run("sst2", level, "top", _corruption=hit)
        (levels,) = [figure for figure in make_content(tmp_path).figures if figure.kind == "levels"]
        content = levels.panels[0].content
        assert content.ticks == {0: "0%", 33.3: "25% and 30%\n2 of 6", 50: "50%\n3 of 6"}
        assert content.x_label == "level of damage; under it the layers hit"

    def test_runs_without_a_score_are_shown(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0.5, "top", 2e-5, 0)
        maker.run("sst2", 0.5, "top", 2e-5, 1, status="failed")
        maker.run("sst2", 0.75, "top", 2e-5, 0, status="diverged")
        cells = make_content(tmp_path).groups[0].table("main").rows[0].cells
        assert cells[2].kind == "without-score" and "1 failed" in cells[2].note and "n 1" in cells[2].note
        assert (cells[3].text, cells[3].note) == ("1 diverged", "no score")


class TestCosts:
    def test_recovery_by_hand(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)}, noise=0.02)
        scores = {}
        for level in (0, 0.5, 1):
            for seed in range(4):
                results = json.loads((maker.run("sst2", level, "top", seed=seed) / "results.json").read_text())
                scores.setdefault(level, []).append(
                    [results["metrics"][stage]["f1_weighted"] for stage in ("damaged", "healed")]
                )
        scores = {level: np.array(values) for level, values in scores.items()}
        results, predictions = analysed(tmp_path)
        found = {cost.damage: cost for cost in costs(results, predictions)}
        cost = found[Damage(0.5, "top")]
        top, bottom = scores[0.5][:, 1] - scores[0.5][:, 0], scores[0][:, 1] - scores[0.5][:, 0]
        assert cost.recovery.value == pytest.approx(top.mean() / bottom.mean())
        for end in cost.recovery.interval:
            assert stats.ttest_1samp(top - end * bottom, 0).pvalue == pytest.approx(0.05, abs=1e-6)
        assert cost.above_scratch.effect == pytest.approx((scores[0.5][:, 1] - scores[1][:, 1]).mean())
        assert cost.lost.effect == pytest.approx((scores[0][:, 1] - scores[0.5][:, 1]).mean())
        assert (cost.damaged, cost.scratch) == pytest.approx((scores[0.5][:, 0].mean(), scores[1][:, 1].mean()))
        assert found[ALL].above_scratch is None and found[INTACT].lost is None

    @pytest.mark.parametrize("share, known", [(0.33, False), (0.0, False), (0.98, True), (1, True)])
    def test_from_scratch_is_after_damage_of_the_whole_encoder(self, tmp_path, share, known):
        def change(results):
            results["corruption"]["fraction_of_encoder"] *= share

        content = make_content(simulate(tmp_path, Truth(datasets=("sst2",), levels=(0, 0.5, 1)), change=change))
        (table,) = [table for table in content.tables if table.kind == "recovery"]
        assert ("retained" in table.columns) == ("from scratch" in table.columns) == known
        found = {(record["level"], record["region"]): record for record in table.records}
        whole, half = found[1, "shared"], found[0.5, "bottom"]
        assert whole["kept"] is None and whole["worth"] is None and whole["lost"] > 0.1
        assert (half["kept"] is not None, half["scratch"] is not None) == (known, known)

    def test_denominator_near_zero_is_explained(self, tmp_path):
        given(tmp_path, {0: [(0.3, 0.505), (0.3, 0.507)], 0.5: [(0.5, 0.6), (0.5, 0.7)]})
        content = make_content(tmp_path)
        cell = recovery_cell(content)
        assert (cell.text, cell.note) == ("undefined", "the difference to divide by is 0.006")
        assert "%" not in content.groups[0].headline

    def test_two_seeds_keep_the_figure_of_one(self, tmp_path):
        """Ways of 0.2 and 0.02 in two seeds: Fieller's interval is unbounded."""
        given(tmp_path, {0: [(0.3, 0.7), (0.3, 0.52)], 0.5: [(0.5, 0.6), (0.5, 0.51)]})
        content = make_content(tmp_path)
        cell = recovery_cell(content)
        unbounded = "unbounded, as the difference to divide by may be zero"
        assert (cell.text, cell.note) == ("50.0%", unbounded)
        (heat,) = [figure.panels[0].content for figure in content.figures if figure.kind == "recovery"]
        assert heat.texts == [["50.0%"]]

    def test_wide_intervals_are_not_told(self, tmp_path):
        """Two seeds that recover 20% and 100% of ways of 0.2: bounded, and wider than 200 points."""
        given(tmp_path, {0: [(0.3, 0.7), (0.3, 0.701)], 0.5: [(0.5, 0.54), (0.5, 0.7)]})
        (cost,) = [cost for cost in costs(*analysed(tmp_path)) if cost.damage != INTACT]
        assert cost.recovery.interval[1] - cost.recovery.interval[0] > 2
        assert recovery_cell(make_content(tmp_path)).note == "wider than 200 points"

    def test_what_is_lost_retained_and_covered(self, tmp_path):
        scores = {0: [(0.3, 0.9), (0.32, 0.92)], 0.25: [(0.3, 0.8), (0.3, 0.82)], 1: [(0.3, 0.5), (0.3, 0.52)]}
        given(tmp_path, scores | {0.5: [(0.9, 0.7), (0.92, 0.72)]})
        group = make_content(tmp_path).groups[0]
        assert "0.10 to 0.40 weighted F1 stays lost" in group.headline and "%" not in group.headline
        columns, cells = group.table("recovery").columns, group.table("recovery").rows[0].cells
        assert cells[columns.index("intact, before healing")].text == "0.310"
        assert columns.index("lost") < columns.index("retained") < columns.index("recovery")

    def test_datasets_without_a_common_seed_say_so(self, tmp_path):
        """Not "one seed": each dataset has two, and only one of them is on both."""
        maker = Maker(tmp_path)
        for dataset, seeds in (("sst2", (0, 1)), ("emotion", (1, 2))):
            for level, seed in itertools.product((0, 0.5), seeds):
                (maker.run(dataset, level, "top", seed=seed) / "predictions.parquet").unlink()
        (pooled,) = [
            row for row in make_content(tmp_path).groups[0].table("recovery").rows if "all" in row.cells[0].text
        ]
        assert [pooled.cells[2].note, pooled.cells[3].note] == [
            "only one seed that all datasets have",
            "only one seed that all datasets have",
        ]

    def test_one_intact_run_beside_several_draws(self, tmp_path):
        maker = Maker(tmp_path, {"sst2": (["n", "p"], 60)})
        maker.run("sst2", 0, seed=5, corrupt_seed=0)
        for draw in range(3):
            maker.run("sst2", 0.5, "top", seed=5, corrupt_seed=draw)
        results, predictions = analysed(tmp_path)
        (cost,) = [cost for cost in costs(results, predictions) if cost.damage != INTACT]
        assert cost.lost.pairs == 3 and cost.recovery.pairs == 3
        verdict = verdict_of(judge([results], predictions), "a", "sst2")
        assert any("one intact run" in note for note in verdict.notes)
