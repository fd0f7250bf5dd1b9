"""Under any list of faults: every request is answered once, and after `heal` readings are the engine's truth."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages import venue as v
from ganglion.messages.values import OrderType, Side
from ganglion.simulation.faults.fault import KINDS, Fault, FaultKind, Site
from ganglion.simulation.port import BINANCE, KRAKEN
from ganglion.simulation.port.rendering import balances_at, balances_of, levels_of, order_of, trade_of
from tests.simulation.port.bench import SYMBOL, Client
from tests.simulation.port.test_streams import replica

PORT = [kind for kind, info in KINDS.items() if info.site is Site.PORT] + [FaultKind.VENUE_CLOCK]
ERRORS = ["NetworkError", "RequestTimeout", "OnMaintenance", "RateLimitExceeded", "ExchangeError", "BadResponse"]

faults = st.builds(
    Fault,
    at_s=st.floats(0, 60).map(lambda s: round(s, 2)),
    kind=st.sampled_from(PORT),
    target=st.just("alpha"),
    requests=st.sampled_from(["place", "cancel", "query", "market", "all"]),
    stream=st.sampled_from(["*", "book", "trades", "orders", "my_trades", "balance"]),
    error=st.sampled_from(ERRORS),
    seconds=st.sampled_from([0.0, 0.0, 3.0, 30.0]),
    times=st.integers(1, 4),
    delay_s=st.sampled_from([0.2, 3.0, 12.0, 25.0, -20.0]),
)


def act(client, number):
    """What a bot asks, in turn; writes among it."""
    makers = [
        client.create(f"a{number}", amount=Decimal("0.002")),
        v.FetchBalance,
        client.create(f"b{number}", amount=Decimal("0.002"), type=OrderType.MARKET, price=None),
        lambda n: v.FetchOpenOrders(n, SYMBOL),
        client.cancel(f"a{number - 8}"),
        lambda n: v.FetchMyTrades(n, SYMBOL, 0),
        client.create(f"c{number}", amount=Decimal("0.001"), side=Side.SELL, price=client.mid + 30),
        lambda n: v.FetchRecentOrders(n, SYMBOL, 0),
        lambda n: v.FetchTime(n, resync=True),
        lambda n: v.FetchBook(n, SYMBOL, 10),
    ]
    return client.submit(makers[number % len(makers)])


@settings(max_examples=40, deadline=None)
@given(
    plan=st.lists(faults, max_size=6),
    profile=st.sampled_from([BINANCE, KRAKEN]),
    seed=st.integers(0, 1000),
)
def test_every_request_is_answered_once_and_readings_are_true_after_heal(plan, profile, seed):
    client = Client(seed, profile=profile)
    kinds = list(v.StreamKind)
    for fault in plan:
        client.timeline.call_at(fault.at_s, lambda fault=fault: client.exchange.begin(fault))
    numbers = []
    for number in range(80):
        if number % 10 == 0:
            client.watch(*kinds)
        numbers.append(act(client, number))
        client.run(0.9)
    client.exchange.heal()
    client.run(60.0)
    assert [len(client.answers(number)) for number in numbers] == [1] * len(numbers)
    client.exchange.core.engine.audit()
    check_truth(client)
    check_streams(client)


def check_truth(client):
    client.ask(lambda n: v.FetchTime(n, resync=True))
    account = client.exchange.account
    told = client.ask(lambda n: v.FetchMyTrades(n, SYMBOL, 0)).trades
    made = [trade_of(fill, account.name) for fill in account.fills.get(SYMBOL, [])]
    assert sorted(told, key=lambda t: int(t.trade_id)) == made
    orders = {o.venue_id: o for o in client.ask(lambda n: v.FetchRecentOrders(n, SYMBOL, 0)).orders}
    orders |= {o.venue_id: o for o in client.ask(lambda n: v.FetchOpenOrders(n, SYMBOL)).orders}
    assert orders == {str(order.id): order_of(order) for order in account.orders.values()}
    assert client.ask(v.FetchBalance).balances == balances_of(account)


def check_streams(client):
    client.run(5.0).heard.clear()
    for kind in v.StreamKind:
        client.port.submit(v.Unwatch(0, v.Stream(kind, None if kind.private else SYMBOL)), client)
    client.watch(*v.StreamKind)
    client.run(20.0).between_ticks()
    assert {m.stream.kind for m in client.of(v.StreamUp)} == set(v.StreamKind)
    assert not client.of(v.StreamDown)
    book = client.exchange.core.engine.books[SYMBOL]
    assert replica(client.heard) == tuple(levels_of(side) for side in book.depth(1000))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.lists(st.integers(0, 3), min_size=3, max_size=15),
    profile=st.sampled_from([BINANCE, KRAKEN]),
)
def test_a_stale_reading_is_what_a_reading_said_then(seed, steps, profile):
    client = Client(seed, profile=profile)
    then = []
    for number, step in enumerate(steps):
        price = client.mid + (Decimal(-20), Decimal(-3000), Decimal(20), Decimal(0))[step]
        client.submit(client.create(f"d{number}", side=Side.BUY if number % 2 else Side.SELL, price=price))
        if step == 3 and number:
            client.submit(client.cancel(f"d{number - 1}"))
        client.run(7.0)
        then.append((client.timeline.now_s, balances_of(client.exchange.account)))
    for at_s, balances in then:
        client.run(0.3)
        before = client.exchange.core.now_ms() - int((client.timeline.now_s - at_s) * 1000)
        assert balances_at(client.exchange.account, client.exchange.core.engine.markets, before) == balances
