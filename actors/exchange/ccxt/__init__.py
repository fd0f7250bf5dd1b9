"""The ccxt side of the exchange actor: the only actors' folder that knows asyncio and sockets.

It stands behind the message-shaped `Venue` port; only `ganglion.actors.exchange` imports it.
"""
