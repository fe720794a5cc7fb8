"""The command line: the only place that reads the environment and sets up logging. It composes the rest."""
