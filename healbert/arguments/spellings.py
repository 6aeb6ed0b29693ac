"""What a flag that is none may have meant: older and other spellings, else the nearest name."""

from ..utils.errors import nearest

# What other programs, and older versions of transformers, call it -> what to give here.
OTHER_SPELLINGS = {
    "batch_size": "--per_device_train_batch_size",
    "train_batch_size": "--per_device_train_batch_size",
    "per_gpu_train_batch_size": "--per_device_train_batch_size",
    "eval_batch_size": "--per_device_eval_batch_size",
    "per_gpu_eval_batch_size": "--per_device_eval_batch_size",
    "lr": "--learning_rate",
    "epochs": "--num_train_epochs",
    "num_epochs": "--num_train_epochs",
    "n_epochs": "--num_train_epochs",
    "warmup_ratio": "--warmup_steps, which takes a fraction below 1, too",
    "wd": "--weight_decay",
    "grad_clip": "--max_grad_norm",
    "max_length": "--max_seq_length",
    "max_len": "--max_seq_length",
    "model": "--model_name_or_path",
    "model_name": "--model_name_or_path",
    "tokenizer": "--tokenizer_name",
    "task": "--task_name",
    "dataset": "--dataset_name",
    "train_data_file": "--train_file",
    "eval_file": "--validation_file",
    "dev_file": "--validation_file",
    "valid_file": "--validation_file",
    "text_column": "--text_column_names",
    "text_column_name": "--text_column_names",
    "label_column": "--label_column_name",
    "sep": "--delimiter",
    "random_seed": "--seed",
    "out_dir": "--output_dir",
    "no_cuda": "--use_cpu",
    "use_auth_token": "--token",
    "group_by_length": "--train_sampling_strategy group_by_length, which is the default",
    "cell_timeout": "--run_timeout",
    "cells_per_gpu": "--runs_per_gpu",
    "cell_processes": "--processes_per_run",
    "cell_launcher": "--run_launcher",
}

# What has no counterpart here -> why none is needed.
NEEDLESS = {
    "evaluation_strategy": "every run is evaluated after each epoch; --eval_strategy steps does it oftener",
    "do_lower_case": "the tokenizer's own files say whether it lowers case",
    "class_weights": "the loss weighs every example alike",
    "early_stopping_patience": "a run goes through all its epochs and keeps the best",
}

NEAR = 0.75  # "lr" is not "local_rank", and "corupt_level" is "corrupt_level"


def meant(name, known):
    """What to say of a flag or a setting that is none: "; give --learning_rate", or an empty string.

    Args:
        name: as it was given, with or without dashes.
        known: the names of all settings, without dashes.
    """
    name = str(name)  # YAML has keys that are numbers
    dashes, plain = ("--" if name.startswith("-") else ""), name.lstrip("-").replace("-", "_").lower()
    if plain in OTHER_SPELLINGS:
        return f"; give {OTHER_SPELLINGS[plain]}"
    if plain in NEEDLESS:
        return f"; leave it out: {NEEDLESS[plain]}"
    near = nearest(plain, known, NEAR)  # without the dashes, which all of them share
    return f"; did you mean '{dashes}{near}'?" if near else ""
