"""Every sabotage, in the order of the table in docs/sabotage.md."""

from __future__ import annotations

from tests.sabotage.breaking import Sabotage
from tests.sabotage.catalogue import exchange, money, order_line, tree

ALL: tuple[Sabotage, ...] = (*order_line.ALL, *exchange.ALL, *money.ALL, *tree.ALL)
BY_NAME: dict[str, Sabotage] = {sabotage.name: sabotage for sabotage in ALL}
