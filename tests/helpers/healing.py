"""What a run changed of the model that it healed, bit by bit."""

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, set_seed

from healbert import corrupt, make_arguments, run_experiment
from healbert.models.loading import load_model

# A key's bias adds the same to all of a query's scores, which softmax takes away: its gradient is rounding at most.
STILL = ".attention.self.key.bias"


def damaged_state(arguments):
    """The state dict of the model as it is before healing, made without the experiment."""
    tokenizer = AutoTokenizer.from_pretrained(arguments.model.model_name_or_path)
    set_seed(arguments.training.seed)
    model = load_model(arguments.model, ["bad", "good"], tokenizer.pad_token_id or tokenizer.eos_token_id)
    corrupt(model, arguments.corruption.spec())
    return {key: value.clone() for key, value in model.state_dict().items()}


def changed_by_healing(settings):
    """The tensors that a run changed in any bit, and all that it saved."""
    arguments = make_arguments(**settings)
    run_experiment(arguments)
    before, after = damaged_state(arguments), load_file(f"{settings['output_dir']}/model.safetensors")
    assert set(after) <= set(before)
    return {key for key, value in after.items() if not torch.equal(value, before[key])}, set(after)


def parameters_of(model):
    """A copy of every parameter, by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def changed(before, after):
    """The names of the tensors that differ in any bit."""
    return {name for name in before if not torch.equal(before[name], after[name])}


def trainable(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}
