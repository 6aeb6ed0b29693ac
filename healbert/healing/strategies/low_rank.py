"""Low-rank adapters in the place of weights that train, by the library PEFT (an extra: ``pip install peft``)."""

import importlib.util
import math

from ...utils.errors import UserError, did_you_mean
from ...utils.options import Option
from ...utils.registry import register
from ..places import generator_for, head_names, is_adapter, linear_maps, own_name
from .base import Strategy

NAME = "default"  # what PEFT calls an adapter that is given no name
FROZEN = "an adapter stands in for weights of linear maps, which that leaves frozen"


class Adapters(Strategy):
    """Adapters on linear maps of the layers train, and the head; everything else is frozen."""

    adapts, sharded = True, False
    contradicts = {"norms_only": FROZEN, "bias_only": FROZEN}
    options = {
        "rank": Option(8, "of the update", least=1),
        "alpha": Option(16.0, "the update is multiplied by alpha / rank", least=0),
        "dropout": Option(0.0, "of what an adapter sees", least=0, most=0.99),
        "targets": Option(
            "all", "linear maps that get one, by the ends of their names with + between them; all of them"
        ),
        "keep": Option("merged", "how the healed model is saved", choices=("merged", "adapter")),
    }
    use_dora = False

    def adjusted(self, training):
        if importlib.util.find_spec("peft") is None:
            raise UserError(f"--healing {self.called} needs a library that is not installed; run: pip install peft")
        return super().adjusted(training)

    def prepare(self, model, receipt):
        if self.settings["keep"] == "adapter" and not getattr(model, "saved_whole", True):
            raise UserError(
                f"--healing {self.called} with keep=adapter: sentence embeddings are saved without what the adapter "
                "would be opened on; use keep=merged"
            )
        model.requires_grad_(True)
        self.adapt(model, receipt)

    def adapt(self, model, receipt):
        """Puts an adapter in the place of each target whose weight is marked to train; the marks of the head stay."""
        head = head_names(model)
        maps = _chosen(linear_maps(model), self.settings["targets"], self.called)
        targets = {path: module for path, module in maps.items() if module.weight.requires_grad}
        self._check_rank(targets)
        marked = {name for name, parameter in model.named_parameters() if parameter.requires_grad and name in head}
        self.tuner = self._inject(model, targets) if targets else None  # of damaged_only without damage there are none
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(is_adapter(name) or name in marked)

    def _check_rank(self, targets):
        rank = self.settings["rank"]
        for path, module in targets.items():
            if rank > min(module.weight.shape):
                rows, columns = module.weight.shape
                raise UserError(
                    f"rank {rank} of --healing {self.called} is above what {path} has ({rows} x {columns}); "
                    f"use {min(rows, columns)} or less"
                )

    def _inject(self, model, targets):
        import torch
        from peft import LoraConfig, LoraModel

        settings = self.settings
        config = LoraConfig(
            r=settings["rank"],
            lora_alpha=settings["alpha"],
            lora_dropout=settings["dropout"],
            target_modules=list(targets),
            use_dora=self.use_dora,
            fan_in_fan_out=any(not isinstance(module, torch.nn.Linear) for module in targets.values()),  # GPT-2's maps
        )
        with torch.random.fork_rng(devices=[]):  # it draws from the generator that everything draws from
            tuner = LoraModel(model, config, NAME)
        self._draw(model)
        return tuner

    def _draw(self, model):
        # As PEFT does it, but from a generator of the tensor's own: the other factor of the product is 0.
        import torch

        for name, parameter in model.named_parameters():
            if ".lora_A." in name:
                generator = generator_for("cpu", "lora", self.seed, own_name(name))
                drawn = torch.empty(parameter.shape)
                torch.nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
                with torch.no_grad():
                    parameter.copy_(drawn)

    def finish(self, model):
        if self.tuner is not None and self.settings["keep"] == "merged":
            self.tuner.merge_and_unload()
            self.tuner = None

    def save(self, trainer, model, tokenizer, folder):
        if self.tuner is None:
            super().save(trainer, model, tokenizer, folder)
        elif trainer.is_world_process_zero():
            # The model as it is without the adapter lies beside it: transformers opens both from the one folder.
            base = {own_name(name): value for name, value in model.state_dict().items() if not is_adapter(name)}
            model.save_pretrained(folder, state_dict=base)
            tokenizer.save_pretrained(folder)
            _save_adapter(model, folder)


def _chosen(maps, targets, called):
    """Of the linear maps those that ``targets`` names: {path: module}."""
    if targets == "all":
        return maps
    ends = [end.strip() for end in targets.split("+")]
    for end in ends:
        if not any(_ends(path, end) for path in maps):
            names = sorted({path.rpartition(".")[2] for path in maps})
            raise UserError(
                f"--healing {called}: the layers have no linear map '{end}'{did_you_mean(end, names)} "
                f"(there are: {', '.join(names)})"
            )
    return {path: module for path, module in maps.items() if any(_ends(path, end) for end in ends)}


def _ends(path, end):
    return f".{path}".endswith(f".{end}")


def _save_adapter(model, folder):
    from safetensors.torch import save_file

    config = model.peft_config[NAME]
    config.inference_mode = True
    config.save_pretrained(folder)
    # Named as in PEFT's own files, but for DoRA's magnitudes, which keep their ".weight": there PEFT reads both ways,
    # transformers this one alone.
    named = {
        f"base_model.model.{name.replace(f'.{NAME}', '')}": value.detach().cpu().contiguous()
        for name, value in model.state_dict().items()
        if is_adapter(name)
    }
    save_file(named, f"{folder}/adapter_model.safetensors", metadata={"format": "pt"})


@register("strategy", "lora")
class Lora(Adapters):
    """A target's weight W becomes W + alpha / rank * B A, of which B and A train (Hu et al. 2021, arXiv 2106.09685)."""

    says = "Low-rank adapters (LoRA) and its head were trained, on the frozen, damaged encoder"
    contradicts = Adapters.contradicts | {"dora": "both put an adapter on the same weights"}


@register("strategy", "dora")
class Dora(Adapters):
    """LoRA for the direction of an output's weights, and a magnitude that trains (Liu et al. 2024, 2402.09353)."""

    says = "Low-rank adapters with magnitudes (DoRA) and its head were trained, on the frozen, damaged encoder"
    use_dora = True
