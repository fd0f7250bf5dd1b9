"""Orders over Kraken's private socket: each method in the terms of the REST handler that does the same.

https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/add_order and its neighbours (read 2025).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.dialects.kraken.errors import UNKNOWN_METHOD, ApiError, invalid
from ganglion.simulation.venue.dialects.kraken.params import Params, read_time
from ganglion.simulation.venue.dialects.kraken.rest import KrakenRest, run
from ganglion.simulation.venue.dialects.kraken.trading import TradingApi
from ganglion.simulation.venue.faults import RequestKind
from ganglion.simulation.venue.wire import RequestEntry

Form = Mapping[str, str]

_SAME = {
    "cl_ord_id": "cl_ord_id",
    "order_userref": "userref",
    "deadline": "deadline",
    "validate": "validate",
    "limit_price": "price",
    "order_type": "ordertype",
    "side": "type",
    "symbol": "pair",
    "time_in_force": "timeinforce",
}
"""Parameters that only have another name over REST."""
_SELF_TRADE = {"cancel_newest": "cancel-newest", "cancel_oldest": "cancel-oldest", "cancel_both": "cancel-both"}


class SocketOrders:
    """Answers order requests of a socket."""

    def __init__(self, venue: Venue, rest: KrakenRest, trading: TradingApi) -> None:
        self._venue = venue
        self._trading = trading
        add, amend, cancel = (
            rest.limited_place(trading.add),
            rest.limited_change(trading.amend),
            rest.limited_cancel(trading.cancel),
        )

        def added(account: Account, form: Form) -> object:
            answer = add(account, Params(_as_add_order(form)))
            if form.get("validate") == "true":
                return {}
            ids = answer["txid"]
            result: dict[str, object] = {"order_id": ids[0] if isinstance(ids, list) else ids}
            if "cl_ord_id" in form:
                result["cl_ord_id"] = form["cl_ord_id"]
            return result

        def amended(account: Account, form: Form) -> object:
            values = {**form, "txid": form.get("order_id", "")}
            return {**amend(account, Params(values)), "order_id": form.get("order_id", "")}

        def canceled(account: Account, form: Form) -> object:
            results: list[dict[str, object]] = []
            for field, name in (("order_id", "txid"), ("cl_ord_id", "cl_ord_id"), ("order_userref", "txid")):
                for text in filter(None, form.get(field, "").split(",")):
                    cancel(account, Params({name: text}))
                    results.append({field: text})
            if not results:
                raise invalid("order_id")
            return results

        self._methods: dict[str, tuple[RequestKind, Callable[[Account, Form], object]]] = {
            "add_order": ("place", added),
            "amend_order": ("place", amended),
            "cancel_order": ("cancel", canceled),
            "cancel_all": ("cancel", lambda account, form: trading.cancel_all(account, Params(form))),
            "cancel_all_orders_after": (
                "cancel",
                lambda account, form: trading.cancel_all_after(account, Params(form)),
            ),
        }

    def kind_of(self, method: str) -> RequestKind:
        """What kind of request a method is, for faults and the log."""
        return self._methods[method][0] if method in self._methods else "query"

    def answer(self, method: str, account: str, form: Form, entry: RequestEntry) -> Answer:
        """Do what was asked; the answer in REST's envelope, or its refusal."""
        if method not in self._methods:
            return run(lambda: _unknown(method), entry)
        handler = self._methods[method][1]
        answer = run(lambda: handler(self._venue.engine.accounts[account], form), entry)
        if not entry.order_id and entry.applied:
            result = msgspec.json.decode(answer.body, type=dict[str, object]).get("result")
            entry.order_id = str(result.get("order_id", "")) if isinstance(result, dict) else ""
        return answer


def _as_add_order(form: Form) -> dict[str, str]:
    """An `add_order` as the form of AddOrder.

    Raises:
        ApiError: EGeneral:Invalid arguments for an expiry or a self-trade rule that is none.
    """
    values = {rest: form[name] for name, rest in _SAME.items() if name in form}
    flags = []
    if form.get("post_only") == "true":
        flags.append("post")
    if form.get("fee_preference") in {"base", "quote"}:
        flags.append("fcib" if form["fee_preference"] == "base" else "fciq")
    values["volume"] = form.get("order_qty", "")
    if "cash_order_qty" in form:
        flags.append("viqc")
        values["volume"] = form["cash_order_qty"]
    values["oflags"] = ",".join(flags)
    if "stp_type" in form:
        values["stptype"] = _SELF_TRADE.get(form["stp_type"], form["stp_type"])
    if "expire_time" in form:
        expires_ms = read_time(form["expire_time"])
        if expires_ms is None:
            raise invalid("expire_time")
        values["expiretm"] = str(expires_ms // 1000)
    return values


def _unknown(method: str) -> object:
    raise ApiError(f"{UNKNOWN_METHOD}: {method}")
