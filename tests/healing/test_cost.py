"""What healing costs: what trains, what the optimizer keeps, FLOPs and seconds of a step."""

import pytest
import torch
from helpers.healing import parameters_of
from helpers.runs import STEPS, run_with
from helpers.small import make_rows
from helpers.training import tokenized
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainingArguments

from healbert import CorruptionSpec, HealingTrainer, corrupt
from healbert.healing.cost import Cost, flops_of_batch, planned_steps, typical_batch
from healbert.healing.strategies import make_strategy

HIDDEN, INNER, LAYERS, HEADS = 32, 64, 4, 4  # of the tiny BERT


@pytest.fixture
def settings(run_flags):
    return run_flags | {"disable_tqdm": True, "num_train_epochs": 1}


@pytest.fixture
def make_trainer(tiny_bert, tmp_path):
    def make(healing="full", options=None, rows=96, **more):
        torch.manual_seed(0)
        attention = {"attn_implementation": more.pop("attention", "sdpa")}
        config = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0} if more.pop("plain", False) else {}
        model = AutoModelForSequenceClassification.from_pretrained(tiny_bert, **attention, **config)
        strategy = make_strategy(healing, options)
        strategy.prepare(model, corrupt(model, CorruptionSpec(level=0.5)))
        settings = {"per_device_train_batch_size": 8, "num_train_epochs": 2, "use_cpu": True, "disable_tqdm": True}
        return HealingTrainer(
            model=model,
            args=TrainingArguments(str(tmp_path / "out"), **settings | more),
            train_dataset=tokenized(tiny_bert, make_rows(rows, seed=1)),
            processing_class=AutoTokenizer.from_pretrained(tiny_bert),
            strategy=strategy,
        )

    return make


def forward_of_hand(examples, tokens):
    """FLOPs of a forward pass: 2 for each multiplication and addition of the matrix products."""
    of_layer = 2 * examples * tokens * (4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER)
    attention = 2 * 2 * examples * tokens * tokens * HIDDEN
    head = 2 * examples * (HIDDEN * HIDDEN + HIDDEN * 2)  # pooler and classifier
    return LAYERS * (of_layer + attention) + head, LAYERS * of_layer + head, LAYERS * attention


def test_flops_of_full_training_are_those_worked_out_by_hand(make_trainer):
    trainer = make_trainer(attention="eager", plain=True)
    batch = typical_batch(trainer)
    examples, tokens = batch["input_ids"].shape
    forward, products, attention = forward_of_hand(examples, tokens)
    # Backward, a product for each of the two inputs of every product. All inputs need a gradient: the embeddings train.
    assert flops_of_batch(trainer, batch) == forward + 2 * products + 2 * attention


def test_attention_kernels_of_the_cpu_are_counted(make_trainer):
    eager, kernel = make_trainer(attention="eager", plain=True), make_trainer(attention="sdpa", plain=True)
    counts = [flops_of_batch(trainer, typical_batch(trainer)) for trainer in (eager, kernel)]
    examples, tokens = typical_batch(kernel)["input_ids"].shape
    # The kernel's backward computes the scores once more.
    assert counts[1] == counts[0] + LAYERS * 2 * examples * tokens * tokens * HIDDEN


def test_frozen_layers_below_save_their_backward_pass(make_trainer):
    trainer = make_trainer("intact_only", attention="eager", plain=True)
    trainer.model.bert.embeddings.requires_grad_(False)
    batch = typical_batch(trainer)
    examples, tokens = batch["input_ids"].shape
    forward, products, attention = forward_of_hand(examples, tokens)
    of_layer = 2 * examples * tokens * (4 * HIDDEN**2 + 2 * HIDDEN * INNER)
    head = 2 * examples * (HIDDEN**2 + HIDDEN * 2)
    # Two of four layers go back, but for what the lowest of them would give to the frozen one below: three products.
    to_below = 3 * 2 * examples * tokens * HIDDEN**2
    expected = forward + 2 * (2 * of_layer + head) + attention - to_below
    assert flops_of_batch(trainer, batch) == expected
    assert products == LAYERS * of_layer + head


def test_counting_changes_nothing(make_trainer):
    trainer = make_trainer()
    before, state = parameters_of(trainer.model), torch.get_rng_state()
    mode = trainer.model.training
    Cost(trainer, trainer.model)
    assert torch.equal(torch.get_rng_state(), state) and trainer.model.training == mode
    assert all(torch.equal(before[name], value) for name, value in parameters_of(trainer.model).items())
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


PLANS = [{}, {"gradient_accumulation_steps": 5}, {"num_train_epochs": 1.3}, {"max_steps": 7}, {"rows": 91}]


@pytest.mark.parametrize("more", PLANS, ids=str)
def test_steps_are_planned_as_trainer_does(make_trainer, more):
    trainer = make_trainer(**more)
    planned = planned_steps(trainer)
    trainer.train()
    assert planned == trainer.state.max_steps == trainer.state.global_step


def test_typical_batch_is_of_middling_length(make_trainer):
    trainer = make_trainer()
    lengths = sorted(len(ids) for ids in trainer.train_dataset["input_ids"])
    batch = typical_batch(trainer)
    assert batch["attention_mask"].sum(1).tolist() == lengths[44:52] and "labels" in batch and "id" not in batch


def test_what_trains_and_what_the_optimizer_keeps(settings):
    found = run_with(settings, healing="bias_only")["healing"]
    # Biases of one block: 5 * 32 + 64 of its maps and 2 * 32 of its norms; then embeddings, pooler, classifier.
    count = 4 * (5 * 32 + 64 + 2 * 32) + 32 + 32 + 66
    parameters = run_with(settings, output_dir=settings["output_dir"] + "-full")["model"]["parameters"]
    assert found["trainable_parameters"] == count
    assert found["trainable_share"] == pytest.approx(count / parameters, abs=1e-12)
    assert found["steps"] == STEPS and found["seconds_per_step"] > 0
    # AdamW: two moments of four bytes for each, and a step count of four bytes for each tensor.
    tensors = 4 * 8 + 1 + 1 + 2
    assert found["optimizer_bytes"] == 8 * count + 4 * tensors


def test_optimizer_of_less_state_is_seen(settings):
    plain, lean = (
        run_with(settings, optim=optim, output_dir=f"{settings['output_dir']}-{optim}")["healing"]
        for optim in ("adamw_torch", "sgd")
    )
    assert lean["optimizer_bytes"] == 0 < plain["optimizer_bytes"]


def test_options_are_in_the_results(settings):
    results = run_with(settings, healing="lora,damaged_only", healing_options="lora.rank=2")
    assert results["healing"]["strategy"] == results["config"]["healing"] == "damaged_only,lora"
    assert results["healing"]["options"]["lora.rank"] == 2
    hit = results["corruption"]["scalars"]
    # Of each of two layers: four maps of 32 x 32, and 32 x 64 both ways, at rank 2; and the classifier.
    assert results["healing"]["trainable_parameters"] == 2 * 2 * (4 * 64 + 2 * 96) + 66 < hit


def test_flops_are_the_mean_over_the_phases(settings):
    def flops(healing, options=None, **more):
        folder = f"{settings['output_dir']}-{healing}-{options}-{len(more)}"
        more = {"healing": healing, "healing_options": options, "output_dir": folder} | more
        return run_with(settings, **more)["healing"]["flops_per_step"]

    first, then = flops("damaged_only"), flops("full")
    assert first < then
    assert flops("two_phase", "share=0.25") == round((3 * first + 9 * then) / 12)
    assert flops("full", gradient_accumulation_steps=3, per_device_train_batch_size=8) == 3 * then
    assert flops("two_phase", "share=0.25") == flops("two_phase", "share=0.25", overwrite_output_dir=True)


def test_linear_probe_costs_one_layer(settings):
    found = run_with(settings, healing="linear_probe")["healing"]
    assert found["trainable_parameters"] == HIDDEN * 2 + 2
    assert found["flops_per_step"] == 2 * (2 * 8 * HIDDEN * 2)  # forward, and back to the weight alone


def test_what_never_came_to_train_is_not_counted(settings):
    late = {"healing": "gradual_unfreezing", "healing_options": f"every={STEPS}"}
    with pytest.warns(UserWarning, match="never train"):
        found = run_with(settings, **late)["healing"]
    assert found["trainable_parameters"] == HIDDEN * HIDDEN + HIDDEN + HIDDEN * 2 + 2, "pooler and classifier"
    assert found["optimizer_bytes"] == 8 * found["trainable_parameters"] + 4 * 4


def test_what_is_done_once_before_the_steps(settings, text_file):
    def cost(healing, **more):
        folder = f"{settings['output_dir']}-{healing}-{len(more)}"
        return run_with(settings, healing=healing, output_dir=folder, **more)["healing"]

    head = STEPS * 2 * 8 * (HIDDEN * HIDDEN + HIDDEN * 2)  # all examples through pooler and classifier
    probe, full = cost("linear_probe")["flops_before"], cost("full")
    assert full["flops_before"] == 0 and "text" not in full
    # Forward, of all examples; a step goes forward and back.
    assert STEPS * full["flops_per_step"] / 3.5 < probe < STEPS * full["flops_per_step"] / 2.5
    assert cost("distill")["flops_before"] == probe, "a teacher of the same size"
    frozen = cost("damaged_only", corrupt_region="top", reuse_frozen=True)
    assert frozen["frozen_layers"] == LAYERS / 2
    assert frozen["flops_before"] == (probe - head) / 2
    text = cost("continued_pretraining", heal_text=text_file)["text"]
    twice = cost("continued_pretraining", heal_text=text_file, healing_options="text_epochs=2")["text"]
    assert text["steps"] == 5 and twice["flops"] == 2 * text["flops"] > 5 * 8 * 3 * 2 * 8 * LAYERS * HIDDEN**2
