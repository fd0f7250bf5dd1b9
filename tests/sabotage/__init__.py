"""The code broken on purpose, one way at a time, to see that a campaign of simulated worlds finds each."""
