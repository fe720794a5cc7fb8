"""One module a system: how to start its broker, and its publisher and subscriber processes."""
