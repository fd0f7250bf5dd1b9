"""The small project is run by test_packaged.py, in an environment of its own, and not here."""

collect_ignore = ["small_project"]
