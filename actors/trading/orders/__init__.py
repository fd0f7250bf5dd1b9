"""The order line of an account: client ids, states, ledger, reconcile; the actor between portfolio and exchange."""

from ganglion.actors.trading.orders.client_ids import make_client_id, tag_of
from ganglion.actors.trading.orders.settings import OrdersSettings

__all__ = ["OrdersSettings", "make_client_id", "tag_of"]
