"""Rows of requests: placing, canceling, reading, and the venue's front door."""

from __future__ import annotations

from tests.faults.row import ABORT_USER, BODIES, LOOKS, MORE, MUTE, REST, Fate, Row, on


def _places() -> list[Row]:
    """Faults of placing."""
    rows = [
        Row(f"place: {name}", REST, LOOKS + "not placed", (on("place", answer=name),), fate=Fate.NOT_PLACED)
        for name in ("403-html", "451-html", "500-html", "502-html", "@unknown error", "@unknown code")
    ]
    rows += [
        Row(
            f"place: {name}, not applied", REST, LOOKS + "not placed", (on("place", answer=name),), fate=Fate.NOT_PLACED
        )
        for name in BODIES
    ]
    rows += [
        Row(
            f"place: {name}, but applied",
            REST,
            LOOKS + "one known order",
            (MUTE, on("place", "answer_after", answer=name)),
            fate=Fate.KNOWN,
        )
        for name in ("502-html", "@unknown error", "@backend", "@unknown code", *BODIES)
    ]
    rows += [
        Row(f"place: {name}", REST, "refused, the mode is told", (on("place", answer=name),), fate=Fate.REFUSED)
        for name in (
            "@notional",
            "@lot",
            "@lot 200",
            "@price",
            "@precision",
            "@symbol",
            "@funds",
            "@post-only",
            "@nonce 200",
        )
    ]
    nonce = (on("place", answer="@nonce"),)
    return [
        *rows,
        Row("place: @nonce", REST, "refused, the mode is told", nonce, fate=Fate.REFUSED, only="binance"),
        # A doubled request would be refused so too.
        Row("place: @nonce", REST, LOOKS + "not placed", nonce, fate=Fate.NOT_PLACED, only="kraken"),
        Row(
            "place: 503-html x3",
            REST,
            LOOKS + "not placed",
            (on("place", answer="503-html", times=3),),
            fate=Fate.NOT_PLACED,
        ),
        Row("place: @backend", REST, LOOKS + "not placed", (on("place", answer="@backend"),), fate=Fate.NOT_PLACED),
        Row(
            "place: @too many",
            REST,
            "placing rests until Retry-After, cancels go on",
            (on("place", answer="@too many"),),
        ),
        Row("place: @banned", REST, "silence until Retry-After", (on("place", answer="@banned"),)),
        Row(
            "place: @order limit",
            REST,
            "refused; placing rests 10 s, cancels go on",
            (on("place", answer="@order limit"),),
            fate=Fate.REFUSED,
        ),
        Row(
            "place: @closed",
            REST,
            "refused; that market rests until Retry-After (60 s without one)",
            (on("place", answer="@closed", retry_after_s=1),),
            fate=Fate.REFUSED,
        ),
        Row(
            "place: @duplicate",
            REST,
            "a duplicate of an id sent once is a bug of ours: the account is halted",
            (on("place", answer="@duplicate"),),
            halts=True,
        ),
        Row(
            "place: @key",
            REST,
            "ccxt takes it for a rate limit once a key was good: refused; placing rests 10 s",
            (on("place", answer="@key"),),
            fate=Fate.REFUSED,
        ),
        Row(
            "place: @bad key",
            REST,
            "the venue is stopped and the account halted, until an operator resumes it",
            (on("place", answer="@bad key"),),
            halts=True,
        ),
        Row(
            "place: @deadline",
            REST,
            "refused, the mode is told",
            (on("place", answer="@deadline"),),
            fate=Fate.REFUSED,
        ),
        Row(
            "place: @busy",
            REST,
            LOOKS + "not placed",
            (on("place", answer="@busy"),),
            fate=Fate.NOT_PLACED,
        ),
        Row(
            "place: request lost",
            REST,
            LOOKS + "not placed",
            (on("place", "lose_request", times=2),),
            fate=Fate.NOT_PLACED,
        ),
        Row(
            "place: reply lost",
            REST,
            LOOKS + "one known order",
            (MUTE, on("place", "lose_reply", times=2)),
            fate=Fate.KNOWN,
        ),
        Row(
            "place: reset mid-body",
            REST,
            LOOKS + "one known order",
            (MUTE, on("place", "reset_body")),
            fate=Fate.KNOWN,
        ),
        Row(
            "place: never answered, not applied",
            REST,
            LOOKS + "not placed",
            (on("place", "no_answer"),),
            fate=Fate.NOT_PLACED,
        ),
        Row(
            "place: never answered, but applied",
            REST,
            LOOKS + "one known order",
            (MUTE, on("place", "delay_reply", delay_s=30)),
            fate=Fate.KNOWN,
        ),
        Row(
            "place: trickling answer",
            REST,
            LOOKS + "one known order",
            (MUTE, on("place", "trickle", delay_s=0.1)),
            fate=Fate.KNOWN,
        ),
        Row(
            "place: request 2.5 s late",
            REST,
            LOOKS + "one known order, or not placed where the venue refused it by then",
            (MUTE, on("place", "delay_request", delay_s=2.5)),
        ),
        Row(
            "place: request 6 s late",
            REST,
            LOOKS + "not placed: the venue refuses it by its own expiry",
            (on("place", "delay_request", delay_s=6),),
            fate=Fate.NOT_PLACED,
        ),
        Row(
            "place: reply 1 s late",
            REST,
            "nothing: the user stream told it",
            (on("place", "delay_reply", delay_s=1),),
            fate=Fate.KNOWN,
        ),
        Row(
            "place: twice, as by a proxy that asks again",
            MORE,
            "the second answer says duplicate of an id sent once: one known order, the account is halted",
            (on("place", "duplicate"),),
            fate=Fate.KNOWN,
            halts=True,
            only="binance",
        ),
        Row(
            "place: twice, as by a proxy that asks again",
            MORE,
            "the second answer says that its nonce was used: held, one known order",
            (on("place", "duplicate"),),
            fate=Fate.KNOWN,
            only="kraken",
        ),
        Row(
            "place: twice, while the user stream is mute",
            MORE,
            LOOKS + "one known order",
            (MUTE, on("place", "duplicate")),
            fate=Fate.KNOWN,
            only="kraken",
        ),
        Row(
            "place: reply lost, then invisible for 3 queries",
            MORE,
            LOOKS + "one known order",
            (MUTE, on("place", "lose_reply"), {"kind": "hide_order", "times": 3}),
            fate=Fate.KNOWN,
        ),
        Row(
            "place: reply lost, then @no such order x2",
            REST,
            LOOKS + "one known order",
            (MUTE, on("place", "lose_reply"), on("query", path="@order", answer="@no such order", times=2)),
            fate=Fate.KNOWN,
        ),
    ]


def _cancels() -> list[Row]:
    """Faults of canceling."""
    names = (
        "503-html",
        "@unknown error",
        "@backend",
        "@unknown code",
        "@unknown order",
        "@nonce",
        "200-{}",
        "200-html",
    )
    rows = [
        Row(f"cancel: {name}", REST, "held, looked up, canceled again", (on("cancel", answer=name),)) for name in names
    ]
    rows += [
        Row(
            f"cancel: {name}, but applied",
            REST,
            "held, looked up: canceled",
            (on("cancel", "answer_after", answer=name),),
        )
        for name in ("502-html", "@backend", "200-{}")
    ]
    return [
        *rows,
        Row(
            "cancel: @too many",
            REST,
            "again after Retry-After, first in the queue",
            (on("cancel", answer="@too many"),),
        ),
        Row("cancel: request lost", REST, "held, looked up, canceled again", (on("cancel", "lose_request"),)),
        Row("cancel: reply lost", REST, "held, looked up: canceled", (MUTE, on("cancel", "lose_reply"))),
        Row("cancel: reset mid-body", REST, "held, looked up: canceled", (MUTE, on("cancel", "reset_body"))),
        Row("cancel: never answered", REST, "held, looked up, canceled again", (on("cancel", "no_answer"),)),
        Row("cancel: twice", MORE, "held, looked up: canceled", (on("cancel", "duplicate"),)),
    ]


def _reads() -> list[Row]:
    """Faults of reading: polls that go on, and the readings of a reconnect."""
    names = ("403-html", "500-html", "503-html", "@unknown error", "@backend", "@nonce", "@unknown code")
    rows = [
        Row(f"query: {name}", REST, "asked again; stays Live", (on("query", answer=name),), leaves=False)
        for name in names
    ]
    rows += [
        Row(f"query: {name}", REST, "asked again later; stays Live", (on("query", answer=name),), leaves=False)
        for name in ("@too many", "@banned", "@limit")
    ]
    rows += [
        Row(
            f"open orders: {body}",
            REST,
            "not believed, asked again; stays Live",
            (on("query", path="@open", answer=body),),
            leaves=False,
        )
        for body in (*BODIES, "200-[]")
    ]
    rows += [
        Row(
            f"reconnect: {what}: {body} x2",
            REST,
            "not believed, asked again, then reconciled",
            (on("query", path=path, answer=body, times=2),),
            (ABORT_USER,),
            leaves=True,
        )
        for what, path in (("balance", "@balance"), ("own trades", "@own trades"), ("open orders", "@open"))
        for body in ("200-html", "200-{}")
    ]
    rows += [
        Row(
            f"reconnect: {what}",
            REST,
            "asked again until answered, then reconciled"
            + ("; more than two in a row restart the exchange actor" if "unknown" in what else ""),
            (on("query", kind, times=2, **fields),),
            (ABORT_USER,),
            leaves=True,
            restarts=2 * ("unknown" in what),
        )
        for what, kind, fields in (
            ("503-html x2", "answer", {"answer": "503-html"}),
            ("reset before the answer x2", "lose_request", {}),
            ("reset mid-body x2", "reset_body", {}),
            ("never answered x2", "no_answer", {}),
            ("trickling bodies x2", "trickle", {"delay_s": 0.1}),
            ("@unknown code x2", "answer", {"answer": "@unknown code"}),
        )
    ]
    return [
        *rows,
        Row(
            "query: @symbol",
            REST,
            "markets are read again; the market is there, so it goes on",
            (on("query", path="@open", answer="@symbol"),),
            fresh=True,
            leaves=False,
        ),
        Row(
            "query: @signature",
            REST,
            "the venue is stopped and the account halted, until an operator resumes it",
            (on("query", answer="@signature"),),
            halts=True,
        ),
        Row(
            "connection refused for 1.5 s",
            REST,
            "connects again by itself",
            ({"kind": "refuse", "seconds": 1.5},),
            leaves=True,
        ),
        Row(
            "banned for 3 s: everything 418",
            MORE,
            "silence until the ban is over, then it goes on",
            ({"kind": "ban", "seconds": 3},),
            (ABORT_USER,),
            leaves=True,
        ),
        Row(
            "account comes back empty",
            MORE,
            "not believed: the account is halted with that cause",
            ({"kind": "empty_account", "seconds": 600},),
            (ABORT_USER,),
            says="back empty",
            halts=True,
        ),
    ]


REQUESTS: tuple[Row, ...] = (*_places(), *_cancels(), *_reads())
