"""Damage a pretrained transformer, heal it by fine-tuning on a classification task, report what came back.

accelerate launch run_corrupt_glue.py --corrupt_level 0.5 --corrupt_region bottom

accelerate launch run_corrupt_glue.py --corrupt_level 0.5 --corrupt_region bottom \
    --model_name_or_path google-bert/bert-base-uncased --task_name sst2
"""

import sys

from healbert.errors import exit_codes


def main():
    # Imported late, so that start-up stays light.
    from healbert.arguments import parse_arguments, print_settings

    arguments, print_config = parse_arguments(sys.argv[1:])
    if print_config:
        print_settings(arguments)
        return

    from healbert.cell import format_results
    from healbert.experiment import run_experiment
    from healbert.hub.push import push_experiment

    results = run_experiment(arguments)
    if arguments.training.process_index == 0:
        print(format_results(results, arguments.training.output_dir))
        if arguments.training.push_to_hub:
            print(f"pushed to {push_experiment(arguments)}")


if __name__ == "__main__":
    exit_codes(main)
