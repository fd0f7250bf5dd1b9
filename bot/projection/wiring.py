"""Puts projection and recorder into the tree: beside the journal, where nothing that trades depends on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganglion.bot.config import BotConfig
from ganglion.bot.projection.actor import ProjectionActor
from ganglion.bot.projection.recorder import EXCHANGE_NEWS, MONITOR_NEWS, PORTFOLIO_NEWS, TREE_NEWS, RecorderActor
from ganglion.messages.journal import Journaled
from ganglion.supervision import Address, Budget, ChildSpec, System

_BUDGET = Budget(3, 300)


def history_specs(config: BotConfig, system: System, journal: Address[Any]) -> list[ChildSpec]:
    """What keeps the bot's history: recorder and, where the journal is a folder, the projection."""
    scrub = config.scrubber.scrub
    recorder = ChildSpec("recorder", lambda: RecorderActor(journal, scrub), budget=_BUDGET)
    if system.simulated:
        # Its journal is in memory: there is no folder to put a database into.
        return [recorder]
    projection = ChildSpec(
        "projection",
        lambda: ProjectionActor(config.data),
        dispatcher=system.dispatcher("projection", "thread", abandonable=False),
        budget=_BUDGET,
    )
    return [projection, recorder]


def subscribe_history(
    system: System,
    *,
    journal: Address[Any],
    projection: Address[Any],
    recorder: Address[Any],
    monitor: Address[Any],
    arms: Iterable[tuple[Address[Any], Address[Any]]],
) -> None:
    """Let both hear what they keep; `arms` are (exchange, portfolio)."""
    system.events.subscribe(recorder, *TREE_NEWS)
    system.subscribe(monitor, recorder, *MONITOR_NEWS)
    for exchange, portfolio in arms:
        system.subscribe(exchange, recorder, *EXCHANGE_NEWS)
        system.subscribe(portfolio, recorder, *PORTFOLIO_NEWS)
    if not system.simulated:
        system.subscribe(journal, projection, Journaled)
