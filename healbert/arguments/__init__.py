"""The command line: the flags in groups, the parser, and what makes a run the run that it is."""
