"""Which batches are timed, what is counted of them, and which part of a step takes how long."""

import numpy as np
import pytest
from helpers.bench import flops_of_hand
from helpers.small import make_rows, to_flags
from transformers import AutoTokenizer, TrainerCallback

from healbert.bench.asked import from_flags
from healbert.bench.batches import WARM_UP, spread, use_few_batches
from healbert.bench.measure import measure
from healbert.bench.phases import STEP_PHASES, Clock
from healbert.bench.variants import OURS, REFERENCES, reference_trainer
from healbert.experiment.loading import LoadCache, load

EXAMPLES, BATCH, LONGEST = 96, 8, 32
STEPS = 3


@pytest.fixture
def flags(tiny_bert, csv_files):
    given = {"model_name_or_path": tiny_bert, **csv_files, "max_seq_length": LONGEST, "use_cpu": True}
    return to_flags(given | {"per_device_train_batch_size": BATCH, "torch_num_threads": 1})


@pytest.fixture
def make_trainer(flags, tmp_path):
    def make(reference, *more):
        arguments = from_flags([*flags, *more])
        task, tokenizer, model, _ = load(arguments, LoadCache(0))
        splits = task.splits | {"evaluation": task.splits["evaluation"].select(range(8))}
        return reference_trainer(
            REFERENCES[reference], arguments, task, tokenizer, model, splits, str(tmp_path / "out")
        )

    return make


def test_chosen_sizes_are_spread_from_small_to_large():
    sizes = np.array([50, 10, 40, 30, 20, 60])
    assert sizes[spread(sizes, 3)].tolist() == [20, 40, 60]
    assert sorted(sizes[spread(sizes, 9)]) == sorted(sizes)


@pytest.mark.parametrize("accumulated", (1, 2))
def test_batches_are_whole_ones_of_the_trainers_own_sampler(make_trainer, accumulated):
    trainer = make_trainer("dynamic", "--gradient_accumulation_steps", str(accumulated))
    trainer.train_dataset = trainer.train_dataset.select(range(EXAMPLES - 3))  # the last batch is a short one
    loader = trainer.get_train_dataloader()
    loader.batch_sampler.sampler = range(EXAMPLES - 3)  # in order, so that the batches are known
    trainer.get_train_dataloader = lambda: loader
    every = [list(range(first, first + BATCH)) for first in range(0, EXAMPLES - BATCH, BATCH)]
    chosen = use_few_batches(trainer, STEPS)
    assert len(chosen) == STEPS * accumulated and all(batch in every for batch in chosen)
    assert len({batch[0] for batch in chosen}) == len(chosen)
    trainer.train()
    assert trainer.state.global_step == STEPS + WARM_UP


def test_all_batches_of_a_short_epoch(make_trainer):
    assert len(use_few_batches(make_trainer("stock"), 1000)) == EXAMPLES // BATCH


@pytest.mark.parametrize("variant", (OURS, *REFERENCES))
def test_counts_of_an_epoch_are_those_of_its_texts(flags, tiny_bert, tmp_path, variant):
    found = measure(lambda: from_flags(flags), variant, 1000, str(tmp_path))
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    lengths = [len(tokenizer(text)["input_ids"]) for text, _ in make_rows(EXAMPLES, seed=1)]
    assert (found["steps"], found["examples"], found["real_tokens"]) == (EXAMPLES // BATCH, EXAMPLES, sum(lengths))
    assert found["flops"] == sum(map(flops_of_hand, lengths))
    if variant == "stock":
        assert found["padded_tokens"] == EXAMPLES * LONGEST
        assert found["flops_with_padding"] == EXAMPLES * flops_of_hand(LONGEST)
    else:
        most = EXAMPLES * max(lengths)
        assert sum(lengths) < found["padded_tokens"] < most and found["flops"] < found["flops_with_padding"]
    assert found["splits"]["evaluation"] == found["evaluated"] == 42
    parts = sum(found["phases"].values())
    assert parts == pytest.approx(found["seconds"] / found["steps"]) and min(found["phases"].values()) > 0
    assert found["evaluation_seconds"] > 0 and found["saving_seconds"] > 0 and found["load"] > 0


def test_padding_grows_from_grouped_to_stock(flags, tmp_path):
    padded = [measure(lambda: from_flags(flags), name, 1000, str(tmp_path))["padded_tokens"] for name in REFERENCES]
    stock, dynamic, grouped = padded
    assert stock > dynamic > grouped


class SlowOptimizer(TrainerCallback):
    def __init__(self, wait):
        self.wait = wait

    def on_train_begin(self, args, state, control, optimizer=None, **_):
        optimizer.optimizer.register_step_pre_hook(lambda *_: self.wait())


def slow(trainer, part, wait):
    """Has one part of training wait, below the hooks that are timed."""

    def after(function):
        def slower(*args, **kwargs):
            wait()
            return function(*args, **kwargs)

        return slower

    if part == "data":
        trainer.data_collator = after(trainer.data_collator)
    elif part == "forward":
        trainer.model.register_forward_pre_hook(lambda *_: wait() if trainer.model.training else None)
    elif part == "backward":
        trainer.model.classifier.weight.register_hook(lambda _: wait())
    elif part == "clipping":
        trainer._clip_grad_norm = after(trainer._clip_grad_norm)
    elif part == "optimizer":
        trainer.add_callback(SlowOptimizer(wait))
    elif part == "evaluation":
        trainer.compute_metrics = after(trainer.compute_metrics)
    elif part == "saving":
        trainer.save_model = after(trainer.save_model)
    else:
        trainer._prepare_inputs = after(trainer._prepare_inputs)


@pytest.mark.parametrize("part", (*STEP_PHASES, "evaluation", "saving"))
def test_each_part_takes_what_it_takes(make_trainer, part, monkeypatch):
    times = []  # a clock that goes on when the part waits, and stands still else
    monkeypatch.setattr(Clock, "now", lambda *_: float(len(times)))
    trainer = make_trainer("grouped")
    slow(trainer, part, lambda: times.append(part))
    use_few_batches(trainer, STEPS)
    clock = Clock(trainer, WARM_UP)
    trainer.train()
    expected = {"data": STEPS - 1, "evaluation": 1, "saving": 1}.get(part, STEPS)  # the loader reads one batch ahead
    of_evaluation = {"evaluation": 1} if part in ("data", "other") else {}  # which pads and moves a batch, too
    assert {name: seconds for name, seconds in clock.seconds.items() if seconds} == of_evaluation | {part: expected}
    assert clock.wall == (expected if part in STEP_PHASES else 0)
    assert len(clock.shapes) == STEPS, "without the warm-up"


@pytest.mark.parametrize("variant, asked, used", [(OURS, "all", 4), (OURS, "none", 0), ("stock", "all", None)])
def test_what_is_timed_trains_as_a_run_does(flags, tmp_path, variant, asked, used):
    found = measure(lambda: from_flags([*flags, "--fast_paths", asked]), variant, 2, str(tmp_path))["fast_paths"]
    assert found is None if used is None else len(found["used"]) == used
