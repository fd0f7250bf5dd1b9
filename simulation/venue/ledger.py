"""The venue's ledger on disk: an append-only log of JSON lines from which a killed venue comes back.

`core.py` appends one record per command that concerned a customer or made a trade, BEFORE anybody hears of it; the
bytes are with the operating system when `append` returns, so they outlive a SIGKILL of the process (not a power cut:
this is a simulated venue). Reading it back cuts a torn last line. Resting orders of the seeded flow are not in it:
the crowd comes back by itself.
"""

from __future__ import annotations

import fcntl
import os
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import msgspec

from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.clearing import FEES
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.orders import FeeAsset, NewOrder, Order, OrderStatus, SelfTrade
from ganglion.simulation.venue.tape import Tape

FILE_NAME = "ledger.jsonl"
ID_RESERVE = 1_000_000
"""Order ids skipped at a restart: more than the unlogged flow can use between two `Counters` records."""


class StateError(RuntimeError):
    """The state folder cannot be used: the text names it and says why."""


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The venue opened for the first time; its invented candles follow from this."""

    start_ms: int
    seed: int


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """An account came into being with these deposits."""

    name: str
    balances: dict[str, str]
    keeps_history: bool


class OrderRow(msgspec.Struct, frozen=True):
    """A customer's order as it stood at the end of a command."""

    account: str
    symbol: str
    id: int
    client_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    self_trade: SelfTrade
    price: str | None
    quantity: str
    quote_quantity: str | None
    filled: str
    quote_filled: str
    status: OrderStatus
    created_ms: int
    updated_ms: int
    fee_asset: FeeAsset = FeeAsset.RECEIVED
    reference: int = 0
    expires_ms: int | None = None


class Commit(msgspec.Struct, frozen=True, tag="commit"):
    """What one command did: every trade, and the customers' orders that it touched."""

    fills: list[Fill]
    orders: list[OrderRow]


class Counters(msgspec.Struct, frozen=True, tag="counters"):
    """The next order id per symbol, written now and then."""

    order_ids: dict[str, int]


class Hidden(msgspec.Struct, frozen=True, tag="hidden"):
    """A fault hid this fill from its account: it stays hidden after a restart."""

    account: str
    symbol: str
    trade_id: int


Record: TypeAlias = Started | Opened | Commit | Counters | Hidden


class LedgerFile:
    """The log on disk, locked for this process.

    Args:
        folder: made when it is missing.

    Raises:
        StateError: when another venue uses the folder, it cannot be written, or a whole line is not a record.
    """

    def __init__(self, folder: Path) -> None:
        self._encoder = msgspec.json.Encoder()
        path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise StateError(f"cannot open the ledger {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StateError(f"the ledger {path} is in use by another venue; stop it or name another folder") from None
        self.records = self._read(path)

    def append(self, record: Record) -> None:
        """Hand one record to the operating system, whole."""
        data = self._encoder.encode(record) + b"\n"
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Let go of the file and its lock."""
        os.close(self._file)

    def _read(self, path: Path) -> list[Record]:
        decoder = msgspec.json.Decoder(Record)
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._file, whole)
        records: list[Record] = []
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                records.append(decoder.decode(line))
            except msgspec.MsgspecError as error:
                raise StateError(f"{path}, line {number} is not a ledger record: {error}") from error
        return records


def order_row(order: Order) -> OrderRow:
    """An order as the log keeps it."""
    return OrderRow(
        account=order.account.name,
        symbol=order.symbol,
        id=order.id,
        client_id=order.client_id,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        self_trade=order.self_trade,
        price=None if order.price is None else str(order.price),
        quantity=str(order.quantity),
        quote_quantity=None if order.quote_quantity is None else str(order.quote_quantity),
        filled=str(order.filled),
        quote_filled=str(order.quote_filled),
        status=order.status,
        created_ms=order.created_ms,
        updated_ms=order.updated_ms,
        fee_asset=order.fee_asset,
        reference=order.reference,
        expires_ms=order.expires_ms,
    )


def _order(row: OrderRow, account: Account) -> Order:
    command = NewOrder(
        account=row.account,
        symbol=row.symbol,
        side=row.side,
        type=row.type,
        client_id=row.client_id,
        quantity=Decimal(row.quantity),
        price=None if row.price is None else Decimal(row.price),
        quote_quantity=None if row.quote_quantity is None else Decimal(row.quote_quantity),
        time_in_force=row.time_in_force,
        post_only=row.post_only,
        self_trade=row.self_trade,
        fee_asset=row.fee_asset,
        reference=row.reference,
        expires_ms=row.expires_ms,
    )
    order = Order(command, account, row.id, row.created_ms)
    order.filled = Decimal(row.filled)
    order.quote_filled = Decimal(row.quote_filled)
    order.status = row.status
    order.updated_ms = row.updated_ms
    return order


def _apply_fill(engine: Engine, fill: Fill) -> None:
    """Move the money of a logged fill; nothing is locked yet, so everything is free."""
    market = engine.markets[fill.symbol]
    taker, maker = engine.accounts[fill.taker_account], engine.accounts[fill.maker_account]
    bought, sold = (taker, maker) if fill.taker_side is Side.BUY else (maker, taker)
    bought.balance(market.quote).free -= fill.quote
    bought.balance(market.base).free += fill.quantity
    sold.balance(market.base).free -= fill.quantity
    sold.balance(market.quote).free += fill.quote
    for account, fee, asset in (
        (taker, fill.taker_fee, fill.taker_fee_asset),
        (maker, fill.maker_fee, fill.maker_fee_asset),
    ):
        account.balance(asset).free -= fee
        engine.accounts[FEES].balance(asset).free += fee
    bought.add_fill(fill)
    sold.add_fill(fill)


def replay(records: list[Record], engine: Engine, tapes: dict[str, Tape]) -> list[Hidden]:
    """Bring an empty engine and fresh tapes to where the log ends; the fills that a fault had hidden.

    Markets that the log knows and the engine does not are skipped with everything in them.
    """
    hidden: list[Hidden] = []
    rows: dict[tuple[str, int], OrderRow] = {}
    for record in records:
        match record:
            case Opened():
                engine.open_account(record.name, keeps_history=record.keeps_history)
                for asset, amount in record.balances.items():
                    engine.deposit(record.name, asset, Decimal(amount))
            case Commit():
                for fill in record.fills:
                    if fill.symbol in engine.markets:
                        _apply_fill(engine, fill)
                        tapes[fill.symbol].add(fill)
                        engine.books[fill.symbol].last = fill.price
                        engine.next_trade_id[fill.symbol] = fill.trade_id + 1
                rows.update({(row.symbol, row.id): row for row in record.orders})
            case Counters():
                for symbol, next_id in record.order_ids.items():
                    if symbol in engine.markets:
                        engine.next_order_id[symbol] = next_id
            case Hidden():
                hidden.append(record)
            case Started():
                pass
    _restore_orders(rows, engine)
    if records:
        for symbol in engine.markets:
            engine.next_order_id[symbol] += ID_RESERVE
    return hidden


def _restore_orders(rows: dict[tuple[str, int], OrderRow], engine: Engine) -> None:
    """Remember every order, and rest the open ones in the order in which they were accepted."""
    for (symbol, order_id), row in sorted(rows.items()):
        if symbol not in engine.markets:
            continue
        account = engine.accounts[row.account]
        order = _order(row, account)
        account.add_order(order)
        if order.status.is_open:
            engine.restore(order)
        else:
            account.close_order(order)
        engine.next_order_id[symbol] = max(engine.next_order_id[symbol], order_id + 1)
