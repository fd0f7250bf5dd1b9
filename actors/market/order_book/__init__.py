"""One market's order book: `book` the plain value, `actor` what keeps it whole and says its best prices."""

from ganglion.actors.market.order_book.actor import OrderBookActor
from ganglion.actors.market.order_book.book import Applied, OrderBook

__all__ = ["Applied", "OrderBook", "OrderBookActor"]
