"""The portfolio, which reserves, and the orders actor, which keeps the promise."""
