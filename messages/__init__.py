"""What is said: values, commands and events. Floor 0 of the house: imports nothing of ours.

`base` what a message is · `values` symbols, sides, money · `market` books, trades, candles · `orders` the order
line · `account` portfolio, journal, resumption · `venue` the port behind an exchange actor · `lifecycle` failures,
tree events, connection and epochs. A protocol is a union of these that an actor is generic in.
"""

from ganglion.messages.base import Message, Overflow, Request

__all__ = ["Message", "Overflow", "Request"]
