"""Settings that do not count: those that cannot change a result, and those that count by what they stand for.

tests/arguments/test_neutral.py runs each of the first kind both ways and compares the figures to the last bit, or
says why it cannot be run there.
"""

# What counts by what it stands for: the sources' fingerprints, the options as resolved, the precision in use.
RESOLVED = frozenset(
    "model_name_or_path config_name tokenizer_name model_revision healing_options precision bf16 fp16".split()
)

# The same, of settings that say nothing to a reader who compares two runs.
BY_CONTENT = RESOLVED | frozenset(
    "data_revision data_root plugin use_cpu metric_for_best_model greater_is_better trace_reference".split()
)

# Where things lie, what is logged and kept, how many workers prepare the data, what trades memory for time.
WITHOUT_EFFECT = frozenset(
    """
    cache_dir token preprocessing_num_workers overwrite_cache overwrite_output_dir save_model
    intact_results torch_num_threads output_dir run_name project report_to do_train do_eval do_predict disable_tqdm
    resume_from_checkpoint debug
    log_level log_level_replica log_on_each_node
    logging_nan_inf_filter include_num_input_tokens_seen skip_memory_metrics dataloader_num_workers
    dataloader_pin_memory dataloader_prefetch_factor
    dataloader_multiprocessing_context dataloader_in_order ddp_backend ddp_timeout ddp_bucket_cap_mb local_rank
    save_on_each_node enable_jit_checkpoint save_only_model save_steps save_total_limit
    restore_callback_states_from_checkpoint push_to_hub hub_token hub_private_repo hub_model_id
    activation_checkpointing activation_checkpointing_kwargs gradient_checkpointing gradient_checkpointing_kwargs
    eval_accumulation_steps torch_empty_cache_steps ddp_find_unused_parameters ddp_broadcast_buffers ddp_static_graph
    hub_strategy hub_always_push hub_revision trackio_space_id trackio_bucket_id trackio_static_space_id
    """.split()
)

# What readers of results leave aside when they ask which settings make two runs differ.
NOT_IDENTITY = WITHOUT_EFFECT | BY_CONTENT - RESOLVED


def _draws_no_sample(settings):
    sampled = any(
        settings.get(name)
        for name in ("max_train_samples", "max_eval_samples", "validation_fraction", "tsne", "trace_healing")
    )
    return not sampled and settings.get("selection") != "dev"


def _damages_nothing(settings):
    return settings.get("corrupt_level") == 0


def _trains_plainly(settings):
    from ..healing.strategies import STRATEGIES

    # Settings may be those of a run whose plugin is not at hand.
    names = [name.strip() for name in str(settings.get("healing")).split(",")]
    fixed = any(STRATEGIES[name].fixed_features for name in names if name in STRATEGIES)
    return settings.get("fast_paths") == "none" or fixed


# Settings that have no effect as long as another one is off: name -> function(settings) that says so.
IDLE = {
    "dev_fraction": lambda settings: settings.get("selection") != "dev",
    "eval_steps": lambda settings: settings.get("eval_strategy") != "steps",
    "fast_paths": _trains_plainly,  # by the version of meaning, as it was before there were any
    "measure_damage": _damages_nothing,
    "sample_seed": _draws_no_sample,
    "trace_samples": lambda settings: not settings.get("trace_healing"),
    "tsne_perplexity": lambda settings: not settings.get("tsne"),
    "tsne_samples": lambda settings: not settings.get("tsne"),
}
