"""The projection's tables as data: columns with their meaning, and the statements that write them.

Pure. The fold names statements of `STATEMENTS`, the database runs them and creates what `ddl()` says, and a test holds
docs/projection.md against `TABLES` and `VIEWS`. Money is TEXT (exact plain digits), times are integer milliseconds
since 1970 UTC with a readable `_at` column beside each, which takes no room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

SCHEMA_VERSION = 1
"""Of these tables: a database of another version is dropped and made anew from the journal."""

Value: TypeAlias = str | int | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `on_conflict` says what an upsert makes of it where the row exists (default: the new value)."""

    name: str
    type: str
    meaning: str
    on_conflict: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table; without `key` its rows are numbered in the order of the journal and only ever added."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """Names of the columns that a row is written with, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def readable(self) -> dict[str, str]:
        """The readable twin of each time column, by its name."""
        times = [column.name for column in self.columns if column.name.endswith("_ms")]
        return {f"{name.removesuffix('_ms')}_at": name for name in times}

    def ddl(self) -> list[str]:
        """What creates it."""
        lines = [] if self.key else ["id INTEGER PRIMARY KEY"]
        lines += [f"{column.name} {column.type}" for column in self.columns]
        lines += [
            f"{at} TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', {ms} / 1000.0, 'unixepoch')) VIRTUAL"
            for at, ms in self.readable.items()
        ]
        if self.key:
            lines.append(f"PRIMARY KEY ({', '.join(self.key)})")
        body = ",\n    ".join(lines)
        without = " WITHOUT ROWID" if self.key else ""
        created = [f"CREATE TABLE {self.name} (\n    {body}\n){without}"]
        return created + [
            f"CREATE INDEX {self.name}_by_{columns.replace(', ', '_')} ON {self.name} ({columns})"
            for columns in self.indexes
        ]

    def put(self) -> str:
        """The statement that writes a row."""
        names = ", ".join(self.written)
        # Every name here stands in this file: nothing of it comes from outside.
        insert = f"INSERT INTO {self.name} ({names}) VALUES ({', '.join('?' * len(self.columns))})"  # noqa: S608
        if not self.key:
            return insert
        sets = [
            f"{column.name} = {column.on_conflict or f'excluded.{column.name}'}"
            for column in self.columns
            if column.name not in self.key and column.on_conflict != "keep"
        ]
        return f"{insert} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {', '.join(sets)}"


def _text(name: str, meaning: str, on_conflict: str = "") -> Column:
    return Column(name, "TEXT", meaning, on_conflict)


def _number(name: str, meaning: str, on_conflict: str = "") -> Column:
    return Column(name, "INTEGER", meaning, on_conflict)


_ACCOUNT = Column("account", "TEXT NOT NULL", "the exchange's name in the configuration")
_SYMBOL = Column("symbol", "TEXT NOT NULL", "market, `BTC/USDT`")
_MODE = Column("mode", "TEXT NOT NULL", "trading mode")
_SIDE = _text("side", "`buy` or `sell`, as whoever placed it sees it")

META = Table(
    "meta",
    "What this database is, and how far into the journal it is written.",
    (
        Column("name", "TEXT NOT NULL", "`schema_version`, `bot`, `run_root`, `segment`, `offset`, `entries`"),
        _text("value", "its value; the journal is written up to `offset` bytes of `segment`, in the same transaction"),
    ),
    key=("name",),
)

ORDERS = Table(
    "orders",
    "Every intent that was journaled, with all that is known of it now.",
    (
        _ACCOUNT,
        Column("client_id", "TEXT NOT NULL", "client order id, unique for ever"),
        _number("number", "of the intent within its account, from 1"),
        _text("intent_id", "the mode's decision that it came from"),
        _text("venue_id", "the venue's order id; NULL while it has told none"),
        _MODE,
        _SYMBOL,
        _SIDE,
        _text("type", "`limit` or `market`"),
        _text("time_in_force", "`GTC`, `IOC` or `FOK`"),
        _number("post_only", "1 where it must not take"),
        _text("price", "limit; for a market order the worst price that funds were reserved at"),
        _text("amount", "asked for, in the base asset"),
        _text("filled", "sum of its fills"),
        _text("cost", "sum of price x amount of its fills, in the quote asset"),
        _text("state", "state of the order line: docs/orders.md has the table of moves"),
        _number("open", "1 where a command may still change it"),
        _text("state_reason", "why it is in that state, where there is something to say"),
        _text("reason", "why the mode decided it"),
        _number("attempts", "times that it was handed to the venue"),
        _number("cancel_asked", "1 once somebody wanted it gone"),
        _number("late", "1 where it turned up at the venue after it was taken for ended"),
        _number("epoch", "the account's epoch that it was decided in"),
        _text("correlation_id", "shared by everything that follows from one decision"),
        _text("causation_id", "what it was decided on"),
        _number("created_ms", "journaled; NULL where only a checkpoint tells of it", "keep"),
        _number("sent_ms", "first handed to the venue", "COALESCE(orders.sent_ms, excluded.sent_ms)"),
        _number("updated_ms", "last record about it"),
        _number(
            "closed_ms",
            "reached a terminal state",
            "CASE WHEN excluded.open = 1 THEN NULL ELSE COALESCE(orders.closed_ms, excluded.closed_ms) END",
        ),
    ),
    key=("account", "client_id"),
    indexes=("mode, symbol", "venue_id", "intent_id"),
)

ORDER_STATES = Table(
    "order_states",
    "Every change of an order's state or filled amount: its life, move by move.",
    (
        _ACCOUNT,
        _number("sequence", "number of the fact within its account, shared with fills"),
        _text("client_id", "the order"),
        _text("state", "the state it moved to"),
        _text("filled", "filled by then"),
        _text("reason", "why"),
        _number("time_ms", "journaled"),
    ),
    key=("account", "sequence"),
    indexes=("account, client_id",),
)

FILLS = Table(
    "fills",
    "Fills of our orders, each exactly once; one that stood in for a missing trade is replaced when that comes.",
    (
        _ACCOUNT,
        _SYMBOL,
        Column("trade_id", "TEXT NOT NULL", "the venue's trade id; `synthetic-...` for a stand-in"),
        _text("client_id", "the order"),
        _text("intent_id", "the order's intent"),
        _text("mode", "trading mode"),
        _SIDE,
        _text("price", "price"),
        _text("amount", "in the base asset"),
        _text("cost", "price x amount, in the quote asset"),
        _text("fee", "what was charged; negative for a rebate"),
        _text("fee_asset", "the asset that it was charged in"),
        _text("liquidity", "`maker` or `taker`, NULL where the venue did not say"),
        _number("synthetic", "1 where only the order's cumulative quantity tells of it"),
        _number("sequence", "number of the fact within its account"),
        _number("time_ms", "by the venue's clock"),
        _number("recorded_ms", "journaled"),
    ),
    key=("account", "symbol", "trade_id"),
    indexes=("account, client_id", "account, mode, symbol, time_ms"),
)

TRADES = Table(
    "trades",
    "Every trade of the account as the venue told it, whosever order it was.",
    (
        _ACCOUNT,
        _SYMBOL,
        Column("trade_id", "TEXT NOT NULL", "the venue's trade id"),
        _text("venue_order_id", "the venue's order id"),
        _text("client_id", "client order id, where the venue or our ledger names one"),
        _text(
            "owner",
            "`ours`; `external`: somebody else's order; `waiting`: an order of ours may still claim it; "
            "`before`: the opening balances contain it",
        ),
        _SIDE,
        _text("price", "price"),
        _text("amount", "in the base asset"),
        _text("cost", "price x amount, in the quote asset"),
        _text("fee", "what was charged; negative for a rebate"),
        _text("fee_asset", "the asset that it was charged in"),
        _text("liquidity", "`maker` or `taker`, NULL where the venue did not say"),
        _number("time_ms", "by the venue's clock"),
        _number("recorded_ms", "first journaled", "keep"),
    ),
    key=("account", "symbol", "trade_id"),
    indexes=("account, venue_order_id",),
)

BALANCES = Table(
    "balances",
    "What each asset came to: at the opening, after whatever moved it, and once for each asset when a reconcile ended.",
    (
        _ACCOUNT,
        Column("asset", "TEXT NOT NULL", "asset"),
        _text("total", "opening + fills - fees + externals, free and reserved together"),
        _text("change", "against what it was before"),
        _text("cause", "`opening`, `fill`, `external`, `reconcile` or `checkpoint`"),
        _text("reference", "trade id, reason or epoch"),
        _number("time_ms", "journaled"),
    ),
    indexes=("account, asset",),
)

TRANSACTIONS = Table(
    "transactions",
    "What no fill explains: deposits, withdrawals, and whatever else changed a balance behind our back.",
    (
        _ACCOUNT,
        Column("number", "INTEGER NOT NULL", "within its account, from 1"),
        Column("asset", "TEXT NOT NULL", "asset"),
        _text("amount", "positive for what came in"),
        _text("direction", "`in` or `out`"),
        _text("reason", "how it was noticed"),
        _number("time_ms", "journaled"),
    ),
    key=("account", "number"),
)

TRADING_STATES = Table(
    "trading_states",
    "Every change of a trading state: what was halted, reduced or let go on again, with the first cause of each.",
    (
        _ACCOUNT,
        _text("scope", "`bot`, `account`, `symbol` or `mode`; one of the whole bot stands here for each account"),
        _text("target", "what was meant, as on the command line: `bot`, `alpha`, `alpha/BTC/USDT`, `grid`"),
        _text("state", "`halted`, `reducing` or `active`"),
        _text("cause", "why"),
        _text("set_by", "`operator`, `invariant`, `error`, `loss limit`, `parked` or `journal`"),
        _text("who", "the operator's name, where it was one"),
        _number("time_ms", "journaled"),
    ),
)

EPOCHS = Table(
    "epochs",
    "Every new epoch of an account, and when its reconcile ended: nothing is placed in between.",
    (
        _ACCOUNT,
        _number("epoch", "number"),
        _text("reason", "why it was opened"),
        _number("opened_ms", "journaled"),
        _number("settled_ms", "reconciled; NULL where another epoch overtook it"),
        _number("read_ms", "the venue's clock at the reading that settled it"),
    ),
    indexes=("account, epoch",),
)

EVENTS = Table(
    "events",
    "What happened to the bot's own parts.",
    (
        Column(
            "kind",
            "TEXT NOT NULL",
            "`bot_started`, `failed`, `restarted`, `parked`, `stuck`, `abandoned`, `halted`, `connection`, `degraded`, "
            "`reconciled`, `violation`, `left_out`",
        ),
        _text("subject", "path of the actor, or name of the exchange"),
        _text("error", "class of the error, state of the connection, or name of the invariant"),
        _text("text", "what was said"),
        _number("number", "incarnation, epoch, or count; NULL where there is none"),
        _number("time_ms", "journaled"),
    ),
    indexes=("kind",),
)

_TALLY = (
    _number("fills", "how many"),
    _text("bought", "base asset bought"),
    _text("sold", "base asset sold"),
    _text("spent", "quote asset paid for buys"),
    _text("received", "quote asset got for sells"),
    _text("fees_base", "fees in the base asset"),
    _text("fees_quote", "fees in the quote asset"),
    _text("fees_other", "fees in other assets, as a JSON object"),
)

DAYS = Table(
    "days",
    "What the fills of a mode in one market came to on one day (UTC, by the venue's clock); exact.",
    (_ACCOUNT, _MODE, _SYMBOL, Column("day", "TEXT NOT NULL", "`2026-01-31`"), *_TALLY),
    key=("account", "mode", "symbol", "day"),
)

POSITIONS = Table(
    "positions",
    "What all fills of a mode in one market come to; exact. What it holds is `base`, what that cost it is `quote`.",
    (
        _ACCOUNT,
        _MODE,
        _SYMBOL,
        _text("base", "bought - sold - fees in the base asset"),
        _text("quote", "received - spent - fees in the quote asset"),
        *_TALLY,
    ),
    key=("account", "mode", "symbol"),
)

FEES = Table(
    "fees",
    "Fees that a mode paid in one market, per asset that they were charged in; exact.",
    (_ACCOUNT, _MODE, _SYMBOL, Column("asset", "TEXT NOT NULL", "charged in"), _text("paid", "sum; negative: rebates")),
    key=("account", "mode", "symbol", "asset"),
)

TABLES = (
    META,
    ORDERS,
    ORDER_STATES,
    FILLS,
    TRADES,
    BALANCES,
    TRANSACTIONS,
    TRADING_STATES,
    EPOCHS,
    EVENTS,
    DAYS,
    POSITIONS,
    FEES,
)

OF_AN_ACCOUNT = (ORDERS, ORDER_STATES, FILLS, TRADES, BALANCES, TRANSACTIONS, DAYS, POSITIONS, FEES)
"""What begins anew with an account whose venue is a new one: its trade ids do too."""

STATEMENTS: dict[str, str] = {
    **{table.name: table.put() for table in TABLES},
    **{f"renew_{table.name}": f"DELETE FROM {table.name} WHERE account = ?" for table in OF_AN_ACCOUNT},  # noqa: S608
    "forget_fill": "DELETE FROM fills WHERE account = ? AND symbol = ? AND trade_id = ?",
    "own_trade": (
        "UPDATE trades SET owner = ?, client_id = COALESCE(?, client_id) "
        "WHERE account = ? AND symbol = ? AND trade_id = ?"
    ),
    "settle_epoch": (
        "UPDATE epochs SET settled_ms = ?, read_ms = ? "
        "WHERE id = (SELECT MAX(id) FROM epochs WHERE account = ? AND epoch = ?) AND settled_ms IS NULL"
    ),
}
"""By name: what the fold may say."""
