"""The same fault done to this engine and to its peers, and counted by the venue: commands, not part of the test run."""
