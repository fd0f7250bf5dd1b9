"""What an operator's flatten sells: for each mode of its scope, what the mode's own fills left it with.

Pure. The portfolio actor asks for the sells, affords each like any order, and answers with what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_DOWN, Decimal, localcontext

import msgspec

from ganglion.actors.trading.money import minus, plain
from ganglion.actors.trading.portfolio.admission import Refusal
from ganglion.actors.trading.portfolio.permission import Permission
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.portfolio.reservation import fee_on_top
from ganglion.actors.trading.portfolio.unsteered import held_by_fills, unsteered_pairs
from ganglion.actors.trading.portfolio.wiring import ModeWiring
from ganglion.messages.market import Market, TopOfBook
from ganglion.messages.orders import Intent
from ganglion.messages.trading import Flatten, FlattenPart, TradingState
from ganglion.messages.values import ZERO, OrderType, Side, Symbol, TimeInForce, base_of

REASON = "operator flatten"


def flattening(
    wanted: Flatten,
    account: str,
    money: Portfolio,
    may: Permission,
    modes: Mapping[str, ModeWiring],
    markets: Mapping[Symbol, Market],
    tops: Mapping[Symbol, TopOfBook],
    token: Callable[[], str],
) -> Iterator[tuple[FlattenPart, Intent | None]]:
    """For each mode that the scope covers and that holds anything: what is to be sold, and the intent for it.

    Modes and markets that are not configured any more are among them: what fills say counts, not the wiring.
    """
    steered = {(mode, wiring.symbol): None for mode, wiring in modes.items()}
    for mode, symbol in (*steered, *unsteered_pairs(money.fills.values(), modes)):
        held = held_by_fills(money, mode, symbol)
        if not held or not wanted.scope.covers(mode, symbol):
            continue
        part = FlattenPart(mode, symbol, held, ZERO, "", "")
        if may.state_of(mode, symbol) is TradingState.ACTIVE:
            yield _nothing(part, "it is active: halt or reduce it first, or it buys again"), None
            continue
        market, top = markets.get(symbol), tops.get(symbol)
        if market is None or top is None:
            why = _unknown(symbol, account, listed=market is not None or not markets)
            yield msgspec.structs.replace(part, why=why, stuck=True), None
            continue
        amount = _sellable(money, mode, market, held)
        why = _why_left(minus(held, amount), market)
        if not amount:
            yield _nothing(part, why), None
            continue
        intent = _sell(wanted, account, mode, may.epoch, amount, _price(top, market), token, symbol)
        yield msgspec.structs.replace(part, selling=amount, intent_id=intent.intent_id, why=why), intent


def kept(part: FlattenPart, refused: Refusal) -> FlattenPart:
    """What becomes of a part whose sell was refused."""
    return _nothing(part, refused[1])


def _nothing(part: FlattenPart, why: str) -> FlattenPart:
    return msgspec.structs.replace(part, selling=ZERO, intent_id="", why=why)


def _unknown(symbol: Symbol, account: str, *, listed: bool) -> str:
    if listed:
        return f"nothing is known of {symbol} at {account} yet: try again once it is live"
    return f"{symbol} is not among the symbols of {account}: add it to the bot.toml and start again, or sell by hand"


def _why_left(left: Decimal, market: Market) -> str:
    if not left:
        return ""
    if left < market.amount_step:
        return f"less than one step of {plain(market.amount_step)}"
    return "not free: other orders hold it, or fees are taken from it"


def _sellable(money: Portfolio, mode: str, market: Market, held: Decimal) -> Decimal:
    """The most that is held and free, its fee included, cut to the market's step."""
    free = money.available_to(mode, base_of(market.symbol))
    with localcontext(prec=60, rounding=ROUND_DOWN):
        most = min(held, free / (1 + fee_on_top(Side.SELL, market)))
        if market.amount_step > 0:
            most = (most / market.amount_step).to_integral_value(ROUND_DOWN) * market.amount_step
        return most


def _price(top: TopOfBook, market: Market) -> Decimal:
    """The best bid, on the step: what the price collar judges the sell by (a market order carries no price)."""
    bid = Decimal(str(top.bid))
    if market.price_step <= 0:
        return bid
    with localcontext(prec=60, rounding=ROUND_DOWN):
        return (bid / market.price_step).to_integral_value(ROUND_DOWN) * market.price_step


def _sell(
    wanted: Flatten,
    account: str,
    mode: str,
    epoch: int,
    amount: Decimal,
    price: Decimal,
    token: Callable[[], str],
    symbol: Symbol,
) -> Intent:
    return Intent(
        intent_id=token(),
        account=account,
        mode=mode,
        symbol=symbol,
        side=Side.SELL,
        type=OrderType.MARKET,
        amount=amount,
        price=price,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        epoch=epoch,
        deadline_s=wanted.deadline_s,
        reason=f"{REASON} by {wanted.who}",
        correlation_id=token(),
        causation_id=f"operator:{wanted.who}",
        flatten=True,
    )
