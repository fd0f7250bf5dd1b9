"""A Kraken venue that is killed comes back with client ids, userrefs, ids, fees and what its orders hold."""

from __future__ import annotations

from pathlib import Path

from ganglion.simulation.venue import VenueProcess
from tests.simulation.venue.kraken.support import Raw


def test_orders_and_money_outlive_a_kill(tmp_path: Path):
    arguments = ["--dialect", "kraken", "--symbols", "BTC/USDT,ETH/BTC", "--state", str(tmp_path), "--tick-ms", "50"]
    venue = VenueProcess(arguments).start()
    try:
        raw = Raw(venue.base_url)
        resting = raw.placed(cl_ord_id="resting1", userref="7", oflags="post")
        named = raw.placed(timeinforce="GTD", expiretm="+3600")
        filled = raw.placed(ordertype="market", price=None, volume="0.013", cl_ord_id="filled1")
        before = [raw.shown(txid) for txid in (resting, named, filled)]
        balances = raw.private("BalanceEx")["result"]
        venue.kill()
        venue.start()
        assert [raw.shown(txid) for txid in (resting, named, filled)] == before
        assert raw.private("BalanceEx")["result"] == balances
        assert list(raw.private("OpenOrders", userref="7")["result"]["open"]) == [resting]
        assert raw.order(cl_ord_id="resting1")["error"] == ["EGeneral:Invalid arguments:cl_ord_id not unique"]
        assert raw.placed(cl_ord_id="filled1") not in {resting, named, filled}
        assert raw.private("CancelOrder", cl_ord_id="resting1")["result"] == {"count": 1}
        ledger = venue.control.ledger()
        assert ledger["totals"] == ledger["deposited"]
    finally:
        venue.stop()
