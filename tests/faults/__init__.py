"""Every row of the wire faults, done to a real arm beside a calm one: `python -m tests.faults` measures the table."""
