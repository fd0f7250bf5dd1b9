"""Kills a bot, its venues, or both, at chosen points and at random instants; `python -m tests.crash --help`."""
