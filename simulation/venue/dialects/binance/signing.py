"""Who sends a signed request, and whether it may be believed: API key, HMAC-SHA256, time window.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security : the signature is the hex
HMAC-SHA256 of the parameters exactly as they were sent (REST: query string then body; WebSocket API: `name=value`
sorted by name), keyed with the secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from ganglion.simulation.venue.dialects.binance.errors import ApiError, bad_key, missing
from ganglion.simulation.venue.dialects.binance.params import Params

_DEFAULT_WINDOW_MS = 5_000
_LARGEST_WINDOW_MS = 60_000
_AHEAD_MS = 1_000


def sign(secret: str, payload: str) -> str:
    """The signature that belongs to a payload."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def check_key(secrets: Mapping[str, str], key: str | None) -> str:
    """The account behind an API key.

    Raises:
        ApiError: -2014 without a key, -2015 for one that the venue does not know.
    """
    if not key:
        raise ApiError(401, -2014, "API-key format invalid.")
    if key not in secrets:
        raise bad_key()
    return key


def check_time(params: Params, now_ms: int) -> None:
    """Refuse a request that is too old or from the future.

    Raises:
        ApiError: -1102 without a timestamp, -1131 for a window over a minute, -1021 outside the window.
    """
    timestamp = params.integer("timestamp")
    window_text = params.optional("recvWindow")
    window_ms = _DEFAULT_WINDOW_MS if window_text is None else int(float(params.amount("recvWindow") or 0))
    if timestamp is None:
        raise missing("timestamp")
    if window_ms > _LARGEST_WINDOW_MS:
        raise ApiError(400, -1131, "recvWindow must be less than 60000")
    if timestamp >= now_ms + _AHEAD_MS:
        raise ApiError(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window_ms:
        raise ApiError(400, -1021, "Timestamp for this request is outside of the recvWindow.")


def check_signature(secret: str, payload: str, signature: str | None) -> None:
    """Refuse a request that was not signed with the account's secret.

    Raises:
        ApiError: -1102 without a signature, -1022 for a wrong one.
    """
    if not signature:
        raise missing("signature")
    if not hmac.compare_digest(sign(secret, payload), signature):
        raise ApiError(400, -1022, "Signature for this request is not valid.")


def without_signature(payload: str) -> str:
    """A REST payload as it was signed: everything but the signature parameter."""
    return "&".join(part for part in payload.split("&") if not part.startswith("signature="))


def websocket_payload(params: Mapping[str, object]) -> str:
    """A WebSocket API request's parameters as they were signed: sorted, JSON booleans in lower case."""
    return "&".join(f"{name}={as_text(params[name])}" for name in sorted(params) if name != "signature")


def as_text(value: object) -> str:
    """A JSON value as Binance writes it in a payload."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
