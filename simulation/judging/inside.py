"""Where a running bot keeps what the oracle judges: the ledger of an order line, the money of a portfolio.

The one place of the judges that looks inside actors. It reads between two messages, on the world's own thread, and
changes nothing; a part that is away (failed, being restarted, parked) is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.modes import ModeActor
from ganglion.actors.trading.orders.actor import OrdersActor
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.portfolio.actor import PortfolioActor
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.portfolio.resuming import view_of
from ganglion.messages.account import PortfolioView
from ganglion.messages.lifecycle import CellState, ConnectionState
from ganglion.messages.orders import OrderUpdate
from ganglion.supervision import Actor, System

A = TypeVar("A", bound=Actor)  # type: ignore[type-arg]


def actor_at(system: System, path: str, kind: type[A]) -> A | None:
    """The actor that runs at a path; None while it is away."""
    cell = system.find(path)
    if cell is None or cell.state is not CellState.RUNNING or not isinstance(cell.actor, kind):
        return None
    return cell.actor


def why_away(system: System, path: str) -> str:
    """What keeps an actor away, for people."""
    cell = system.find(path)
    if cell is None:
        return f"nothing runs at {path}"
    failure = cell.failure
    why = "" if failure is None else f" after {failure.error}: {failure.text}"
    return f"{path} is {cell.state}{why}"


def ledger_at(system: System, orders: str) -> Ledger | None:
    """The ledger of the order line at a path; None while it is away or reads its journal."""
    actor = actor_at(system, orders, OrdersActor)
    if actor is None or not actor._ready:  # noqa: SLF001 - the judge looks inside
        return None
    return actor._desk.ledger  # noqa: SLF001 - as above


def journals(system: System, orders: str) -> bool:
    """Whether an order line writes to its journal: it does not behind what it could not read."""
    actor = actor_at(system, orders, OrdersActor)
    return actor is not None and actor._desk.journals  # noqa: SLF001 - the judge looks inside


def stopped_at(system: System, exchange: str) -> str:
    """Why the arm of an exchange actor rests until somebody starts the bot anew; empty where it does not."""
    actor = actor_at(system, exchange, ExchangeActor)
    return "" if actor is None or actor.arm.connection.state is not ConnectionState.DOWN else actor.arm.stopped


def money_at(system: System, portfolio: str) -> Portfolio | None:
    """The money of the portfolio at a path; None while it is away or has not been told anything yet."""
    actor = actor_at(system, portfolio, PortfolioActor)
    if actor is None or not actor._may.synced:  # noqa: SLF001 - the judge looks inside
        return None
    return actor._money  # noqa: SLF001 - as above


def view_at(system: System, portfolio: str) -> PortfolioView | None:
    """What the portfolio would publish now."""
    actor = actor_at(system, portfolio, PortfolioActor)
    if actor is None or not actor._may.synced:  # noqa: SLF001 - the judge looks inside
        return None
    return view_of(actor._money, actor._may, actor._sequence)  # noqa: SLF001 - as above


def open_at(system: System, portfolio: str) -> dict[str, OrderUpdate] | None:
    """Orders by intent that a portfolio takes for open."""
    actor = actor_at(system, portfolio, PortfolioActor)
    return None if actor is None else dict(actor._orders_open)  # noqa: SLF001 - the judge looks inside


def open_in_modes(system: System, account: str) -> Iterator[tuple[str, tuple[OrderUpdate, ...]]]:
    """Each running mode of an account that was told where it stands, and the orders that it takes for open."""
    for cell in system.cells():
        actor = cell.actor
        if cell.state is not CellState.RUNNING or not isinstance(actor, ModeActor):
            continue
        setup, standing = actor._setup, actor._standing  # noqa: SLF001 - the judge looks inside
        if setup.account == account and standing.live:
            yield setup.name, standing.orders


def most_orders(system: System, account: str) -> Iterator[tuple[str, int]]:
    """Each running mode of an account that says how many orders it means to have open at most."""
    for cell in system.cells():
        actor = cell.actor
        if cell.state is not CellState.RUNNING or not isinstance(actor, ModeActor):
            continue
        most = actor._mode.most_orders()  # noqa: SLF001 - the judge looks inside
        if most is not None and actor._setup.account == account:  # noqa: SLF001 - as above
            yield actor._setup.name, most  # noqa: SLF001 - as above


def under_way(system: System, orders: str) -> list[str]:
    """What an order line has begun and not ended, each as a sentence for people; empty where it is quiet."""
    actor = actor_at(system, orders, OrdersActor)
    if actor is None:
        return [why_away(system, orders)]
    if not actor._ready:  # noqa: SLF001 - the judge looks inside
        return [f"{orders} reads its journal"]
    desk, placing = actor._desk, actor._placing  # noqa: SLF001 - as above
    told = [f"intent of {client_id} waits for the journal" for client_id in placing._waiting.values()]  # noqa: SLF001
    told += [f"{client_id} is to be replaced by another order" for client_id in placing._amends]  # noqa: SLF001
    if not desk.reconciled:
        told.append(f"{desk.account} is not reconciled in epoch {desk.epoch}")
    told += [f"trade {trade_id} of {symbol} belongs to nobody" for symbol, trade_id in desk.ledger.unmatched]
    return told


def held_back(system: System) -> list[str]:
    """Actors for whom messages wait, each with how many; what waits for an empty place is none of ours."""
    return [
        f"{cell.stashed()} messages wait: {why_away(system, cell.path)}"
        for cell in system.cells()
        if cell.stashed() and cell.state is not CellState.RESERVED
    ]
