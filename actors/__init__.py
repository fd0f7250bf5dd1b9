"""Who says it: one folder per capability of the bot. Floor 2: imports supervision and messages."""
