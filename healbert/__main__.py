"""`python -m healbert`."""

from .cli.main import main

main()
