"""A whole bot in one seed: virtual time, venues, faults, processes that are killed, and who judges it all."""
