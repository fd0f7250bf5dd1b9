"""What a finished run comes to: the exit code, and one sentence for each thing that was wrong. Pure; `run` says it.

1 before 3: what is wrong with money or orders needs a look at the exchange, a halt or a parked part only at the bot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganglion.bot.errors import ExitCode
from ganglion.bot.summary import HALTED, Summary
from ganglion.messages.lifecycle import Failure


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run went."""

    code: ExitCode
    sentences: tuple[str, ...]
    """For people, the worst first; where nothing was wrong, one that says so."""


def judge(summary: Summary, *, bot: str, failure: Failure | None = None, cancels: bool = True) -> Verdict:
    """Judge a run by its summary.

    Args:
        summary: taken after the drain.
        bot: path of the bot in the tree.
        failure: what ended the system, if something did.
        cancels: whether the bot was to cancel its orders at the end; where it was not, open ones are no fault.
    """
    faults = tuple(_faults(summary))
    halts = tuple(_halts(summary, failure))
    unseen = tuple(_unseen(summary, bot, cancels=cancels))
    if failure is None:
        faults += unseen
    else:
        # A bot that ended by itself has cancelled and compared nothing: that follows from its end.
        halts += unseen
    if faults:
        return Verdict(ExitCode.FAILED, faults + halts)
    if halts:
        return Verdict(ExitCode.HALTED, halts)
    return Verdict(ExitCode.OK, (_all_well(summary),))


def _faults(summary: Summary) -> Iterator[str]:
    for violation in summary.violations:
        yield f"invariant violated: {violation}"
    for name, exchange in summary.exchanges.items():
        if exchange.reached and exchange.balances_equal is False:
            differences = ", ".join(exchange.differences) or "not explained yet"
            yield f"balances of {name} differ from the exchange's: {differences}"


def _unseen(summary: Summary, bot: str, *, cancels: bool) -> Iterator[str]:
    """What nobody has looked at, or taken back, at the end."""
    for name, exchange in summary.exchanges.items():
        if not exchange.reached:
            if not _stands(summary, bot, name):
                yield f"{name} was never reached: see its address, its key and the log"
            continue
        if exchange.balances_equal is None and not _stands(summary, bot, name):
            yield f"{name} was not compared at the end: its balances and orders are as last heard, look at the exchange"
        if cancels and exchange.open_orders:
            yield f"{name} may have {exchange.open_orders} open orders left: look at the exchange and cancel them there"


def _halts(summary: Summary, failure: Failure | None) -> Iterator[str]:
    if failure is not None:
        yield f"the bot ended by itself: {failure.error}: {failure.text}"
    for name, exchange in summary.exchanges.items():
        if exchange.halted:
            yield f"{name} is halted: {exchange.halted}"
    for text in summary.parked:
        yield f"parked at the end: {text}"
    for name, mode in summary.modes.items():
        if mode.state == HALTED:
            yield f"mode {name} is halted" + (f": {mode.cause}" if mode.cause else "")


def _stands(summary: Summary, bot: str, name: str) -> bool:
    """Whether an exchange trades no more, for a reason that is told anyway."""
    return bool(summary.exchanges[name].halted) or any(_below(text, f"{bot}/{name}") for text in summary.parked)


def _below(text: str, path: str) -> bool:
    return text.startswith((f"{path}/", f"{path}:"))


def _all_well(summary: Summary) -> str:
    own = sum(exchange.fills_of_run for exchange in summary.exchanges.values())
    all_fills = sum(exchange.fills for exchange in summary.exchanges.values())
    before = f" ({all_fills} in the journal)" if all_fills != own else ""
    return f"ran for {summary.seconds:.0f} s: {own} fills{before}, violations 0"
