"""What works less well than it should is shown by the collector until it works again."""

from ganglion.bot.collector import CollectorActor, ReadStatus
from ganglion.messages.degraded import Degraded
from ganglion.supervision import System


def test_what_is_degraded_is_shown_until_it_is_not():
    system = System("simulated", seed=1)
    collector = system.spawn(lambda: CollectorActor({"alpha": ("BTC/USDT",)}, {}), name="collector")
    collector.tell(Degraded("alpha", "user stream", "polled by request: not up for 10 s", 1.0))
    collector.tell(Degraded("alpha", "breaker", "open, nothing is placed: 5 failures in a row", 2.0))
    collector.tell(Degraded("nobody", "breaker", "open", 2.0))
    system.run_until_idle()
    assert collector.ask(ReadStatus(), timeout=1.0).exchanges[0].degraded == (
        "breaker: open, nothing is placed: 5 failures in a row",
        "user stream: polled by request: not up for 10 s",
    )
    collector.tell(Degraded("alpha", "breaker", "", 3.0))
    system.run_until_idle()
    assert collector.ask(ReadStatus(), timeout=1.0).exchanges[0].degraded == (
        "user stream: polled by request: not up for 10 s",
    )
