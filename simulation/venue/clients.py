"""How to point an unmodified ccxt at a local venue, whatever protocol it speaks; each dialect knows its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ganglion.simulation.venue.dialects.binance import ccxt_settings as binance
from ganglion.simulation.venue.dialects.kraken import ccxt_settings as kraken

_MAKERS: Mapping[str, Callable[[str, str, str], dict[str, object]]] = {
    "binance": binance.ccxt_settings,
    "kraken": kraken.ccxt_settings,
}


def ccxt_settings(base_url: str, key: str, secret: str, dialect: str = "binance") -> dict[str, object]:
    """The config for `ccxt.<dialect>(...)`, of the sync, the async or the pro class.

    Args:
        base_url: where the venue listens, `http://127.0.0.1:PORT`.
        key: an API key of the venue.
        secret: its secret, as the venue was given it; in the result it is as the client needs it.
        dialect: the protocol that the venue speaks.

    Raises:
        KeyError: for a dialect that is not there.
    """
    return _MAKERS[dialect](base_url, key, secret)
