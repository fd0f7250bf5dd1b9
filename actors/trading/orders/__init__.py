"""The order line of an account: client ids, states, ledger, reconcile; the actor between portfolio and exchange."""

from ganglion.actors.trading.orders.client_ids import ClientIdFormat, make_client_id, tag_of
from ganglion.actors.trading.orders.settings import OrdersSettings

__all__ = ["ClientIdFormat", "OrdersSettings", "make_client_id", "tag_of"]
