"""Kraken spot as a wire protocol of the simulated venue: REST under /0, WebSocket v2, its names, errors and nonces."""
