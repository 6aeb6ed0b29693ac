"""Settings that cannot change a result."""

# Settings that cannot change a result: where things lie, what is logged, how many workers prepare the data, what
# trades memory for time.
NOT_IDENTITY = frozenset(
    """
    cache_dir token data_revision data_root preprocessing_num_workers overwrite_cache overwrite_output_dir save_model
    intact_results torch_num_threads output_dir run_name project report_to do_train do_eval do_predict disable_tqdm
    resume_from_checkpoint debug use_cpu
    log_level log_level_replica log_on_each_node logging_strategy logging_first_step logging_steps
    logging_nan_inf_filter include_num_input_tokens_seen skip_memory_metrics dataloader_num_workers
    dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
    dataloader_multiprocessing_context dataloader_in_order ddp_backend ddp_timeout ddp_bucket_cap_mb local_rank
    save_on_each_node enable_jit_checkpoint save_only_model save_steps save_total_limit eval_steps
    restore_callback_states_from_checkpoint push_to_hub hub_token hub_private_repo hub_model_id
    activation_checkpointing activation_checkpointing_kwargs gradient_checkpointing gradient_checkpointing_kwargs
    eval_accumulation_steps torch_empty_cache_steps ddp_find_unused_parameters ddp_broadcast_buffers ddp_static_graph
    hub_strategy hub_always_push hub_revision trackio_space_id trackio_bucket_id trackio_static_space_id
    """.split()
)
