"""Tests of recorded data: reading, judging, looking, merging, recording."""
