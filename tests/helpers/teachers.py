"""Teachers beside runs: where they are, and a worker that makes one run as a sweep does."""

import os
import pathlib
import subprocess
import sys

from healbert import make_arguments
from healbert.arguments.teacher import teacher_arguments
from healbert.results.schema import TEACHERS
from helpers.small import ROOT, to_flags


def teacher_of(settings):
    """The folder in which a run's teacher is made."""
    arguments = make_arguments(**settings)
    return pathlib.Path(settings["output_dir"]).parent / TEACHERS / teacher_arguments(arguments).name()


def start_run(settings):
    """A run in a process of its own."""
    command = [sys.executable, "-m", "healbert", "run", *to_flags(settings)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
