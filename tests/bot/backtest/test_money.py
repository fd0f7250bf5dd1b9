"""Money is conserved in a backtest, whatever the data and the fill settings are."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bot.backtest.cast import START_MS, Run, bars, trades

AMOUNTS = st.integers(1, 400).map(lambda cents: str(Decimal(cents) / 100))
LINES = st.builds(
    lambda row, side, amount, price: f"row {row} {side} {amount}" + ("" if price is None else f" {price / 10}"),
    st.integers(1, 10),
    st.sampled_from(["buy", "sell", "post"]),
    AMOUNTS,
    st.none() | st.integers(940, 1060),
).filter(lambda line: "post" not in line or len(line.split()) == 5)
CANCELS = st.integers(1, 10).map(lambda row: f"row {row} cancel")
PLANS = st.lists(LINES | CANCELS, max_size=10)
FILLS = st.builds(
    lambda spread, slip, part, touch, queue, latency, maker: "\n".join(
        (
            f"half_spread_pct = {spread}",
            f"slippage_pct = {slip}",
            f"participation = {part}",
            f"touch_fills = {str(touch).lower()}",
            f"queue = {str(queue).lower()}",
            f"latency_s = {latency}",
            f"maker_fee = {maker}",
        )
    ),
    st.sampled_from([0, 0.01, 0.3]),
    st.sampled_from([0, 0.02, 1.5]),
    st.sampled_from([0, 0.1, 0.5, 1]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 0.1, 90]),
    st.sampled_from(["0", "0.0002", "0.001"]),
)


@st.composite
def rows_of_bars(draw):
    rows = []
    for _ in range(draw(st.integers(2, 12))):
        low = draw(st.integers(930, 1040))
        high = low + draw(st.integers(0, 40))
        open_, close = draw(st.integers(low, high)), draw(st.integers(low, high))
        rows.append((open_ / 10, high / 10, low / 10, close / 10, draw(st.sampled_from([0.0, 0.5, 3.0, 20.0]))))
    return rows


@given(rows=rows_of_bars(), plan=PLANS, fills=FILLS)
@settings(max_examples=30)
def test_on_bars_nothing_is_made_or_lost_and_nobody_gets_more_than_was_traded(rows, plan, fills):
    """`Run` has audited the venue, held it against the portfolio to the last digit, and heard no violation."""
    run = Run(bars(rows), plan, fills)
    table = run.config.backtest
    by_row: dict[int, Decimal] = {}
    for fill in run.record.fills:
        # A resting order's fill is told at the close, which is the next row's start.
        row = (fill.time_ms - START_MS) // 60_000
        of = int(row) - (fill.liquidity == "maker")
        by_row[of] = by_row.get(of, Decimal(0)) + fill.amount
        open_, high, low, _, _ = rows[of]
        price = float(fill.price)
        if fill.liquidity == "maker":
            # The row has come to its price, or jumped over it.
            assert price <= high if fill.side == "sell" else price >= low
        else:
            # Spread and slippage, each rounded to a tick of 0.01 against the order.
            beyond = (1 + table.half_spread_pct / 100) * (1 + table.slippage_pct / 100) - 1
            assert open_ * (1 - beyond) - 0.03 <= price <= open_ * (1 + beyond) + 0.03
    if table.participation:
        for of, amount in by_row.items():
            assert float(amount) <= rows[of][4] * table.participation + 1e-9


@given(
    rows=st.lists(st.tuples(st.integers(0, 400), st.integers(950, 1050), st.integers(1, 300)), min_size=2, max_size=15),
    plan=PLANS,
    fills=FILLS,
)
@settings(max_examples=30)
def test_on_trades_nothing_is_made_or_lost_and_nobody_gets_more_than_was_traded(rows, plan, fills):
    at, series = 0, []
    for wait, price, amount in rows:
        at += wait
        series.append((at, price / 10, amount / 100))
    run = Run(trades(series), plan, fills)
    if run.config.backtest.participation:
        got = sum((fill.amount for fill in run.record.fills), Decimal(0))
        assert float(got) <= sum(amount for _, _, amount in series) * run.config.backtest.participation + 1e-9


@given(rows=rows_of_bars(), plan=PLANS)
@settings(max_examples=10)
def test_equity_at_the_end_is_what_the_portfolio_is_worth(rows, plan):
    run = Run(bars(rows), plan)
    held = run.record.exchanges["sim"].balances
    worth = float(held["USDT"]["total"]) + float(held["BTC"]["total"]) * rows[-1][3]
    assert abs(run.record.equity.value[-1] - worth) < 1e-6 * worth
