"""The pytest plugin: venues, worlds, seeds and a clock for other people's tests of trading bots.

`plugin.py` is what pytest loads (entry point `pytest11`, name `ganglion`); it imports nothing of ours before a test
asks for one of its fixtures. docs/testing-a-bot.md is the guide.
"""
