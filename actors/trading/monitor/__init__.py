"""The monitor: invariants I1 to I12, live."""

from ganglion.actors.trading.monitor.actor import EXCHANGE_TOPICS, ORDERS_TOPICS, PORTFOLIO_TOPICS, MonitorActor

__all__ = ["EXCHANGE_TOPICS", "ORDERS_TOPICS", "PORTFOLIO_TOPICS", "MonitorActor"]
