"""Market orders in a world: sent with what was reserved for them, and filled at the venue's prices."""

from pathlib import Path

from ganglion.bot.world import make_world
from tests.simulation.world.test_raising import BOT

MODE = """
from ganglion.actors.modes import ModeConfig, TradingMode

class M(TradingMode[ModeConfig]):
    def on_start(self):
        self.sides = ["buy", "sell"]

    def on_book(self, top):
        if self.sides and not self.open_orders:
            getattr(self, self.sides.pop(0))("1%")
"""


def test_a_mode_buys_and_sells_at_the_market(tmp_path: Path):
    (tmp_path / "my_mode.py").write_text(MODE)
    (tmp_path / "bot.toml").write_text(BOT)
    done = make_world(tmp_path / "bot.toml", seed=0).run(seconds=30).heal().settle()
    orders = done.exchanges["alpha"].account.orders.values()
    assert [(order.type, order.side, order.status) for order in orders] == [
        ("market", "buy", "filled"),
        ("market", "sell", "filled"),
    ]
    assert done.violations == ()
