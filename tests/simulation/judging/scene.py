"""An account of the real actors on the real matching engine: the venue of the order line's own tests, made of it."""

from __future__ import annotations

from decimal import Decimal

from ganglion.actors.trading.orders import tag_of
from ganglion.messages.orders import VenueTrade
from ganglion.messages.values import OrderType, Side
from ganglion.simulation.judging import Places, VenueOracle, judge_settled, restless
from ganglion.simulation.judging.inside import ledger_at
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.events import Accepted, Canceled, Expired, Fill
from ganglion.simulation.venue.orders import NewOrder, Order, OrderStatus
from ganglion.simulation.venue.settings import AccountSettings, VenueSettings
from tests.actors.trading.model_venue import SYMBOL, Resting, World, seen
from tests.actors.trading.world import Account

D = Decimal
ORDERS, PORTFOLIO = "/bot/account/orders", "/bot/account/portfolio"
WORDS = {
    OrderStatus.NEW: "open",
    OrderStatus.PARTIALLY_FILLED: "open",
    OrderStatus.FILLED: "closed",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.EXPIRED_SELF_TRADE: "expired",
}


class EngineWorld(World):
    """The face of the model venue, the truth of the engine."""

    def __init__(self, *, mine: dict[str, Decimal] | None = None) -> None:
        super().__init__()
        balances = mine or {"BTC": D(2), "USDT": D(100_000)}
        rich = {"BTC": D(1_000_000), "USDT": D(100_000_000)}
        settings = VenueSettings(
            symbols=(SYMBOL,),
            accounts=(AccountSettings("bot", "s", balances), AccountSettings("other", "s", rich)),
            tick_ms=0,
        )
        self.core = Venue(settings, lambda: self.now_ms())  # noqa: PLW0108 - the exchange sets its clock later
        self.core.engine.books[SYMBOL].last = D(100)
        self.account = self.core.engine.accounts["bot"]
        self.core.listeners.append(self._told)
        self.muted = False
        del self.balances, self.orders

    def __getattr__(self, name: str) -> object:
        if name == "balances":
            return {asset: balance.total for asset, balance in self.account.balances.items()}
        if name == "orders":
            return {str(order.id): resting(order) for order in self.account.orders.values()}
        raise AttributeError(name)

    def place(self, client_id, side, price, amount):
        command = NewOrder("bot", SYMBOL, side, OrderType.LIMIT, client_id, quantity=amount, price=price)
        self.arrivals[client_id] = self.arrivals.get(client_id, 0) + 1
        first = self.core.place(command)[0]
        return resting(self.account.orders[SYMBOL, first.order_id]) if isinstance(first, Accepted) else first.reason

    def cancel(self, order):
        self.core.cancel("bot", SYMBOL, order_id=int(order.venue_id))

    def fill(self, order, amount, *, hidden=False):
        side = Side.SELL if order.side is Side.BUY else Side.BUY
        self.muted = hidden
        self.core.place(
            NewOrder("other", SYMBOL, side, OrderType.LIMIT, f"o{order.venue_id}", quantity=amount, price=order.price)
        )
        self.muted = False
        return self.trades[-1]

    def order(self, client_id: str) -> Order:
        return self.account.by_client_id[SYMBOL, client_id]

    def _told(self, events):
        for event in events:
            if isinstance(event, Fill) and "bot" in {event.taker_account, event.maker_account}:
                taker = event.taker_account == "bot"
                order = self.account.orders[SYMBOL, event.taker_order_id if taker else event.maker_order_id]
                trade = traded(event, order, taker=taker)
                self.trades.append(trade)
                self._say(trade)
                self._say(seen(resting(order)))
            elif isinstance(event, Accepted | Canceled | Expired) and event.account == "bot":
                self._say(seen(resting(self.account.orders[SYMBOL, event.order_id])))

    def _say(self, event):
        if not self.muted:
            self._tell(event)


def resting(order: Order) -> Resting:
    return Resting(
        str(order.id),
        order.client_id,
        order.symbol,
        order.side,
        order.price,
        order.quantity,
        order.filled,
        WORDS[order.status],
        order.created_ms,
    )


def traded(fill: Fill, order: Order, *, taker: bool) -> VenueTrade:
    return VenueTrade(
        symbol=fill.symbol,
        trade_id=str(fill.trade_id),
        venue_order_id=str(order.id),
        client_id=None,
        side=order.side,
        price=fill.price,
        amount=fill.quantity,
        fee=fill.taker_fee if taker else fill.maker_fee,
        fee_asset=fill.taker_fee_asset if taker else fill.maker_fee_asset,
        liquidity=None,
        timestamp_ms=fill.time_ms,
    )


class Scene:
    """A bot, its venue, and the judge of both."""

    def __init__(self, **options) -> None:
        self.world = EngineWorld()
        self.bot = Account(world=self.world, **options)
        self.bot.run(5)
        self.places = Places(ORDERS, PORTFOLIO)
        self.oracle = VenueOracle(self.world.core, self.world.account, "alpha", tag_of("bot"))

    @property
    def system(self):
        return self.bot.system

    def ledger(self):
        return ledger_at(self.system, ORDERS)

    def placed(self, side=Side.BUY, price="100", amount="1") -> Order:
        """An order that has come to the venue."""
        intent = self.bot.place(side, price, amount)
        self.bot.run(1)
        return self.world.order(self.line(intent.intent_id).client_id)

    def line(self, intent_id):
        return self.ledger().line_of_intent(intent_id)

    def line_of(self, order):
        return self.ledger().lines[order.client_id]

    def filled(self, order: Order, amount="0.4") -> None:
        self.world.fill(resting(order), D(amount))
        self.bot.run(3)

    def restless(self) -> str:
        return restless(self.system, self.places)

    def look(self) -> list[str]:
        return texts(self.oracle.look(self.ledger()))

    def settled(self, **options) -> list[str]:
        return texts(judge_settled(self.oracle, self.system, self.places, **options))

    def close(self) -> None:
        self.system.stop()


def texts(violations) -> list[str]:
    return [f"{violation.invariant} {violation.account}: {violation.text}" for violation in violations]
