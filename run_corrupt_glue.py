"""Damage a pretrained transformer, heal it by fine-tuning on a classification task, report what came back.

accelerate launch run_corrupt_glue.py --corrupt_level 0.5 --corrupt_region bottom

accelerate launch run_corrupt_glue.py --corrupt_level 0.5 --corrupt_region bottom \
    --model_name_or_path google-bert/bert-base-uncased --task_name sst2
"""

import sys

from healbert.cli.run import run
from healbert.utils.errors import exit_codes


def main():
    run(sys.argv[1:])


if __name__ == "__main__":
    exit_codes(main)
