"""How to point an unmodified ccxt at this dialect: the constructor's dict, and the same as configuration text.

Only addresses and options: no ccxt class is patched, and with these options ccxt asks no other host. Verified with
ccxt 4.5.28 and 4.5.90, sync, async and pro.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit


def _api_urls(base_url: str) -> dict[str, object]:
    host = urlsplit(base_url).netloc
    return {
        "public": f"http://{host}/api/v3",
        "private": f"http://{host}/api/v3",
        "v1": f"http://{host}/api/v1",
        "sapi": f"http://{host}/sapi/v1",
        # "/stream" in the path tells ccxt that a socket is a spot one
        "ws": {"spot": f"ws://{host}/stream/ws", "ws-api": {"spot": f"ws://{host}/ws-api/v3"}},
    }


def _options() -> dict[str, object]:
    # without these, load_markets asks other hosts for futures, currencies and margin pairs
    return {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}


def ccxt_settings(base_url: str, key: str, secret: str) -> dict[str, object]:
    """The config for `ccxt.binance(...)`, `ccxt.async_support.binance(...)` or `ccxt.pro.binance(...)`.

    Args:
        base_url: where the venue listens, `http://127.0.0.1:PORT`.
        key: an API key of the venue.
        secret: its secret.
    """
    return {
        "apiKey": key,
        "secret": secret,
        "enableRateLimit": False,
        "urls": {"api": _api_urls(base_url)},
        "options": _options(),
    }


def python_text(base_url: str, key: str, secret: str) -> str:
    """The same as Python that can be pasted."""
    lines = json.dumps(ccxt_settings(base_url, key, secret), indent=4).replace("false", "False")
    return f"import ccxt.pro\n\nsettings = {lines}"


def toml_text(base_url: str, symbols: tuple[str, ...], name: str = "local") -> str:
    """The same as a section of a ganglion configuration; key and secret come from the environment."""
    api = _api_urls(base_url)
    listed = ", ".join(f'"{symbol}"' for symbol in symbols)
    prefix = name.upper()
    plain = "\n".join(f'{field} = "{url}"' for field, url in api.items() if isinstance(url, str))
    host = urlsplit(base_url).netloc
    return f"""[exchanges.{name}]
connector = "ccxt"
id = "binance"
type = "spot"
symbols = [{listed}]
credentials = {{ key = "env:{prefix}_KEY", secret = "env:{prefix}_SECRET" }}

[exchanges.{name}.ccxt.options]
fetchMarkets = {{ types = ["spot"] }}
fetchCurrencies = false
fetchMargins = false

[exchanges.{name}.ccxt.urls.api]
{plain}
ws = {{ spot = "ws://{host}/stream/ws", ws-api = {{ spot = "ws://{host}/ws-api/v3" }} }}"""
