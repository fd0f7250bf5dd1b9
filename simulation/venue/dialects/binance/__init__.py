"""Binance spot's REST and WebSocket protocol on the simulated venue, so that unmodified ccxt classes trade on it."""
