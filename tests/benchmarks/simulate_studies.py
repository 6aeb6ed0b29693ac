"""Studies of known truth: how often the mixed model's intervals cover, claims hold that are not true, and true ones do.

    python tests/benchmarks/simulate_studies.py studies.jsonl

Beside it the paired analysis: intervals over seeds, the paired t or permutation test, Page's test. Each study has an
intact model, three levels of damage from the bottom and three from the top, and full damage. Noise is normal: of a seed
(standard deviation 0.3), of a seed on a damage (0.5), of a dataset and a seed (0.3), and residual (1). A setting that
is in the file already is not simulated again. At the end the file is printed as a table.
"""

import argparse
import itertools
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np
from helpers.many_studies import errors
from helpers.statistics import study_scores, with_seeds
from scipy import stats

from healbert.analysis import statistics

LEVELS = np.array([0, 1, 2, 3, 1, 2, 3, 4])  # intact, bottom 25 to 75%, top 25 to 75%, all; in quarters
NOISE = {
    "equal": np.ones(8),
    "unequal": np.where(LEVELS == 0, 1 / 3, 1.0),  # of an intact model a third of the others'
    "unequal residual": np.where(LEVELS == 0, 1 / 3, 1.0),  # the same, but seeds act on intact models as on others
    "rising": np.array([1 / 3, 0.5, 1, 1.5, 2])[LEVELS],  # six times as large after full damage as intact
}
SEEDS, DATASETS = (2, 3, 5, 10), (1, 3, 6)
TREND = np.array([0, 1, 2, 3, 7])  # the damages of the trend: bottom, from intact to all
# Each claim's contrast, positive if it is true, and the effect that it is given for power.
CLAIMS = {
    "a": (np.where(LEVELS == 0, 1.0, -1 / 7), 1.0),
    "b": (np.array([2, 1, 0, -1, 0, 0, 0, -2]) / 10, 0.4),
    "b step": (np.array([0, 1, -1, 0, 0, 0, 0, 0.0]), 1.5),
    "c": (np.array([0, -1, -1, -1, 1, 1, 1, 0]) / 3, 0.8),
}


def simulate(noise, datasets, seeds, studies, paired, seed=0):
    """What both analyses make of ``studies`` studies of one setting; the paired one sees ``paired`` of them.

    Returns:
        dict: {claim: {figure: share}}.
    """
    rng = np.random.default_rng([seed, datasets, seeds, sorted(NOISE).index(noise)])
    sds = NOISE[noise]
    options = {
        "seed_sd": 0.3,
        "seed_damage_sd": 0.5 * (1 if noise == "unequal residual" else sds),
        "dataset_seed_sd": 0.3,
    }
    scores = np.array([study_scores(rng, datasets, 8, seeds, residual_sd=sds, **options) for _ in range(studies)])
    found = {}
    by_model = errors(scores, [weights for weights, _ in CLAIMS.values()])
    for (claim, (weights, effect)), (error, df) in zip(CLAIMS.items(), by_model, strict=True):
        estimates, critical = scores.mean(axis=(1, 3)) @ weights, stats.t.ppf(0.975, df)
        found[claim] = {
            "covers": np.mean(np.abs(estimates) <= critical * error),
            "false": np.mean(estimates > critical * error),
            "finds": np.mean(estimates + effect > critical * error),
        } | _paired(claim, scores[:paired], weights, effect)
    return {claim: {name: round(float(share), 4) for name, share in shares.items()} for claim, shares in found.items()}


def _paired(claim, scores, weights, effect):
    shift = effect * weights / (weights @ weights)
    covers, false, finds = [], [], []
    for study in scores:
        estimated = statistics.estimate(with_seeds(np.einsum("m,dms->ds", weights, study)))
        covers.append(estimated.over_seeds[0] <= 0 <= estimated.over_seeds[1])
        false.append(_holds(claim, study, weights))
        finds.append(_holds(claim, study + shift[None, :, None], weights))
    return {"paired covers": np.mean(covers), "paired false": np.mean(false), "paired finds": np.mean(finds)}


def _holds(claim, study, weights):
    """The paired analysis needs both: a test below 5% and an interval above 0."""
    strata = with_seeds(np.einsum("m,dms->ds", weights, study))
    estimated = statistics.estimate(strata)
    if estimated.over_seeds[0] <= 0:
        return False
    if claim == "b":
        test = statistics.trend_test(np.concatenate([table[TREND].T for table in study]))
    else:
        test = statistics.paired_test(strata, estimated)
    return test.p is not None and test.p < statistics.ALPHA and test.direction > 0


def table(lines):
    """A Markdown table of shares in percent; in each cell the claims in their order."""
    names = {
        "covers": "interval covers",
        "false": "holds, not true",
        "finds": "holds, true",
        "paired false": "paired: not true",
        "paired finds": "paired: true",
    }
    rows = [f"| noise | datasets | seeds | {' | '.join(names.values())} |", "|" + "---|" * (3 + len(names))]
    for line in lines:
        cells = [" ".join(f"{100 * shares[name]:.0f}" for shares in line["shares"].values()) for name in names]
        rows.append(f"| {line['noise']} | {line['datasets']} | {line['seeds']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="file of results, a setting on each line")
    parser.add_argument("--studies", type=int, default=2000, help="in each setting (%(default)s)")
    parser.add_argument("--paired", type=int, default=200, help="of them also analysed in pairs (%(default)s)")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    for noise, datasets, seeds in itertools.product(NOISE, DATASETS, SEEDS):
        setting = {"noise": noise, "datasets": datasets, "seeds": seeds, "studies": options.studies}
        if not any(setting.items() <= line.items() for line in lines):
            shares = simulate(noise, datasets, seeds, options.studies, options.paired)
            lines.append(setting | {"paired": options.paired, "shares": shares})
            with options.out.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(f"{noise}, {datasets} datasets, {seeds} seeds", file=sys.stderr, flush=True)
    print(table(lines))


if __name__ == "__main__":
    main()
