"""How to point an unmodified ccxt at this dialect: the constructor's dict, and the same as configuration text.

Only addresses: no ccxt class is patched, and with them ccxt asks no other host. Verified with ccxt 4.5.28 and 4.5.90,
sync, async and pro. Kraken's secrets are base64, so what a client signs with is the account's secret in base64.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from ganglion.simulation.venue.dialects.kraken.signing import api_secret

__all__ = ["UNITS_PER_S", "api_secret", "ccxt_settings", "python_text", "toml_text"]

UNITS_PER_S = 50
"""For ganglion: fifty times what the real venue lets a new account ask; this one refuses only if it is told to."""


def _api_urls(base_url: str) -> dict[str, object]:
    host = urlsplit(base_url).netloc
    return {
        "public": f"http://{host}",
        "private": f"http://{host}",
        "ws": {
            "public": f"ws://{host}",
            "private": f"ws://{host}/private",
            # "v2" in the path tells ccxt how to ping
            "publicV2": f"ws://{host}/v2",
            "privateV2": f"ws://{host}/private/v2",
        },
    }


def ccxt_settings(base_url: str, key: str, secret: str) -> dict[str, object]:
    """The config for `ccxt.kraken(...)`, `ccxt.async_support.kraken(...)` or `ccxt.pro.kraken(...)`.

    Args:
        base_url: where the venue listens, `http://127.0.0.1:PORT`.
        key: an API key of the venue.
        secret: its secret, as the venue was given it.
    """
    return {
        "apiKey": key,
        "secret": api_secret(secret),
        "enableRateLimit": False,
        "urls": {"api": _api_urls(base_url)},
    }


def python_text(base_url: str, key: str, secret: str) -> str:
    """The same as Python that can be pasted."""
    lines = json.dumps(ccxt_settings(base_url, key, secret), indent=4).replace("false", "False")
    return f"import ccxt.pro\n\nsettings = {lines}"


def toml_text(base_url: str, symbols: tuple[str, ...], name: str = "local") -> str:
    """The same as a section of a ganglion configuration; key and secret come from the environment."""
    host = urlsplit(base_url).netloc
    listed = ", ".join(f'"{symbol}"' for symbol in symbols)
    prefix = name.upper()
    return f"""[exchanges.{name}]
connector = "ccxt"
id = "kraken"
type = "spot"
units_per_s = {UNITS_PER_S}
symbols = [{listed}]
credentials = {{ key = "env:{prefix}_KEY", secret = "env:{prefix}_SECRET" }}

[exchanges.{name}.ccxt.urls.api]
public = "http://{host}"
private = "http://{host}"

[exchanges.{name}.ccxt.urls.api.ws]
public = "ws://{host}"
private = "ws://{host}/private"
publicV2 = "ws://{host}/v2"
privateV2 = "ws://{host}/private/v2\""""
