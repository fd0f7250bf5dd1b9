"""The projection's views: queries that answer what people ask first, kept in the database for any SQLite client.

Pure. Sums over rows and products are REAL here (SQLite can't add TEXT exactly): good to 15 digits, for reading.
Figures that have to be exact stand in the tables, as TEXT.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """One view, with what it answers."""

    name: str
    meaning: str
    query: str

    def ddl(self) -> str:
        """What creates it."""
        return f"CREATE VIEW {self.name} AS {self.query}"


OPEN_ORDERS = View(
    "open_orders",
    "Orders that may be at the venue now, oldest first.",
    """
SELECT account, mode, symbol, side, type, price, amount, filled, state, state_reason, client_id, venue_id,
       created_at, updated_at
FROM orders WHERE open = 1 ORDER BY created_ms, number""",
)

FILLS_WITH_ORDERS = View(
    "fills_with_orders",
    "Each fill beside the order and the decision that it came from, in the order of time.",
    """
SELECT f.time_at, f.account, f.mode, f.symbol, f.side, f.price, f.amount, f.cost, f.fee, f.fee_asset, f.liquidity,
       f.synthetic, f.trade_id, f.client_id, o.venue_id, o.type AS order_type, o.price AS order_price,
       o.amount AS order_amount, o.state AS order_state, o.reason AS decided, o.created_at AS order_created_at
FROM fills f LEFT JOIN orders o USING (account, client_id) ORDER BY f.time_ms, f.account, f.sequence""",
)

PROFIT_BY_DAY = View(
    "profit_by_day",
    "Profit of each mode in each market, day by day: what it gained since the day before, all it holds valued at the "
    "price of its own last fill by then. Fees in a third asset are not in it (`fees_other` says them).",
    """
WITH changes AS (
    SELECT account, mode, symbol, day, fills, fees_other,
           CAST(bought AS REAL) - CAST(sold AS REAL) - CAST(fees_base AS REAL) AS base_change,
           CAST(received AS REAL) - CAST(spent AS REAL) - CAST(fees_quote AS REAL) AS quote_change,
           (SELECT CAST(f.price AS REAL) FROM fills f
            WHERE f.account = d.account AND f.mode = d.mode AND f.symbol = d.symbol
              AND f.time_ms < (CAST(strftime('%s', d.day) AS INTEGER) + 86400) * 1000
            ORDER BY f.time_ms DESC, f.sequence DESC LIMIT 1) AS last_price
    FROM days d
), held AS (
    SELECT *, SUM(base_change) OVER so_far AS base_held, SUM(quote_change) OVER so_far AS quote_held
    FROM changes WINDOW so_far AS (PARTITION BY account, mode, symbol ORDER BY day)
)
SELECT account, mode, symbol, day, fills, base_change, quote_change, last_price, base_held,
       quote_held + base_held * last_price
         - LAG(quote_held + base_held * last_price, 1, 0.0) OVER (PARTITION BY account, mode, symbol ORDER BY day)
         AS profit,
       quote_held + base_held * last_price AS profit_so_far, fees_other
FROM held""",
)

PROFIT_BY_MODE = View(
    "profit_by_mode",
    "What each mode made in each market so far, in the quote asset, what it holds valued at the price of its own last "
    "fill.",
    """
WITH valued AS (
    SELECT p.*, (SELECT f.price FROM fills f
                 WHERE f.account = p.account AND f.mode = p.mode AND f.symbol = p.symbol
                 ORDER BY f.time_ms DESC, f.sequence DESC LIMIT 1) AS last_price
    FROM positions p
)
SELECT account, mode, symbol, fills, base, quote, last_price,
       CAST(quote AS REAL) + CAST(base AS REAL) * CAST(last_price AS REAL) AS profit, fees_other
FROM valued""",
)

FEES_BY_ASSET = View(
    "fees_by_asset",
    "Fees paid on our own orders, per account and asset.",
    "SELECT account, asset, SUM(CAST(paid AS REAL)) AS paid FROM fees GROUP BY account, asset",
)

BALANCES_NOW = View(
    "balances_now",
    "The newest balance of each asset.",
    """
SELECT account, asset, total, cause, reference, time_at FROM balances
WHERE id IN (SELECT MAX(id) FROM balances GROUP BY account, asset)""",
)

ORDERS_BY_STATE = View(
    "orders_by_state",
    "How many orders of each mode are in each state.",
    "SELECT account, mode, symbol, state, COUNT(*) AS orders FROM orders GROUP BY account, mode, symbol, state",
)

TROUBLE = View(
    "trouble",
    "Everything that went wrong, newest first: failures, parked and stuck parts, halts, violations.",
    """
SELECT time_at, kind AS what, subject AS who, error || CASE WHEN text = '' THEN '' ELSE ': ' || text END AS why, time_ms
FROM events WHERE kind IN ('failed', 'parked', 'stuck', 'abandoned', 'violation')
UNION ALL
SELECT time_at, state, target, set_by || ': ' || cause, time_ms FROM trading_states
ORDER BY 5 DESC""",
)

VIEWS = (
    OPEN_ORDERS,
    FILLS_WITH_ORDERS,
    PROFIT_BY_DAY,
    PROFIT_BY_MODE,
    FEES_BY_ASSET,
    BALANCES_NOW,
    ORDERS_BY_STATE,
    TROUBLE,
)
