"""What is on disk: names of files, of metrics and of stages."""

SCHEMA_VERSION = 1  # of results.json


LOG_NAME = "log.txt"  # what a sweep's worker printed


METRICS = ("f1_weighted", "accuracy", "f1_macro", "loss")


STAGES = ("damaged", "healed", "dev", "test")


SELECTIONS = ("best_eval", "dev")  # how the best epoch is chosen


# settings.json is written before training, so that a restart knows what the folder is of.
RUN_FILES = (
    "results.json",
    "settings.json",
    "corruption.json",
    "predictions.parquet",
    "predictions_test.parquet",
    "features.npz",
    "tsne.png",
    "trainer_state.json",
    LOG_NAME,
)


MODEL_FILES = (
    "model*.safetensors*",
    "config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "vocab*",
    "training_args.bin",
)
