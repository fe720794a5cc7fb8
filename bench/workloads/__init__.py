"""One module an experiment: what each system is made to do, and which numbers come of it."""
