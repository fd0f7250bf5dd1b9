"""The order line's timings and windows, in one struct that a bot's configuration fills; defaults suit most venues."""

from __future__ import annotations

import msgspec

from ganglion.actors.trading.orders.client_ids import LENGTH


class OrdersSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long the order line waits, and how often it asks."""

    evidence_grace_s: float = 30.0
    """By the venue's clock, from the send on: before that, finding nothing is no vote. Where requests expire at the
    venue by themselves (recvWindow, expTime) that expiry + a margin will do."""
    votes: int = 3
    """Spaced valid votes of absence that prove it."""
    vote_spacing_s: float = 2.0
    look_up_cap_s: float = 30.0
    """Look-ups that fail are repeated at growing distances up to this."""
    fill_grace_s: float = 2.0
    """How long a trade may trail behind the order update that counts it."""
    look_ups_before_inference: int = 3
    """Valid look-ups without the missing trades, until a fill is inferred from the quantity."""
    late_watch_s: float = 120.0
    """How long the id of an order taken for not placed is watched on."""
    late_spacing_s: float = 15.0
    answer_s: float = 30.0
    """Without an answer to a placing or a cancel after this, the order is looked up."""
    journaled: bool = True
    """False where no process can ever follow this one (a backtest): nobody could read a journal, so nothing is written
    and everything counts as durable. An order line that fails then has lost what it knew, and halts."""
    durable_s: float = 5.0
    """Without Durable after this the intent is tombstoned and the account halts."""
    cancel_retry_s: float = 1.0
    """First distance between cancels of an order that works on; doubles up to `look_up_cap_s`."""
    overlap_s: float = 60.0
    """Trades are read again from the watermark less this."""
    first_overlap_s: float = 600.0
    """The same at the very first reading, to know which trades the opening balances contain."""
    read_retry_s: float = 0.5
    """After a reading that failed or did not settle; doubles up to `look_up_cap_s`."""
    settle_readings: int = 3
    """Readings that have to agree on a difference before it is believed."""
    look_up_wait_s: float = 10.0
    """How long reconcile waits for the first answers about Unknown orders."""
    audit_s: float = 60.0
    """Between comparisons of a reconciled account with the venue; 0 for none."""
    forget_after_s: float = 3_600.0
    """Lines that ended longer ago are dropped at the next checkpoint; their fills stay."""
    client_id_length: int = LENGTH
