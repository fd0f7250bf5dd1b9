"""A world to test in: venues, faults, campaigns. Floor 3: imports actors and what is below."""
