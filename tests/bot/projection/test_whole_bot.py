"""A whole bot on simulated venues: what it wrote behind equals a rebuild, and its journal verifies."""

import sqlite3
from contextlib import closing

from ganglion.bot.projection.database import FILE, dump
from ganglion.bot.projection.projector import Projector
from ganglion.bot.projection.verifying import Verifier
from ganglion.bot.run import RunOptions, run
from tests.bot.samples import parsed

CONFIG = """
[bot]
name = "test"
segment_bytes = 8192

[exchanges.alpha]
connector = "simulated"
symbols = ["BTC/USDT", "ETH/USDT"]

[modes.grid]
mode = "grid"
exchange = "alpha"
symbol = "ETH/USDT"
step_pct = 0.05
"""


def test_a_bot_that_ran_and_was_started_again_has_its_history_in_its_projection(tmp_path):
    config = parsed(CONFIG, tmp_path)
    for _ in range(2):
        assert run(config, RunOptions(seconds=1.0, log="json")) == 0
    rebuilt = tmp_path / "rebuilt.sqlite"
    projector = Projector(config.data, rebuilt)
    projector.catch_up()
    projector.close()
    assert dump(config.data / FILE) == dump(rebuilt)
    verdict = Verifier(config.data).run()
    assert not verdict.mistakes
    with closing(sqlite3.connect(rebuilt)) as connection:
        (placed,) = connection.execute("SELECT COUNT(*) FROM orders").fetchone()
        kinds = {kind for (kind,) in connection.execute("SELECT kind FROM events")}
        (starts,) = connection.execute("SELECT COUNT(*) FROM events WHERE kind = 'bot_started'").fetchone()
    assert placed
    assert starts == 2
    assert {"bot_started", "connection", "reconciled"} <= kinds
