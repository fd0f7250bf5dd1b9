"""Who sends a private request, and whether it may be believed: API key, HMAC-SHA512, a nonce that always rises.

https://docs.kraken.com/exchange/guides/rest/authentication : `API-Sign` is the base64 HMAC-SHA512, keyed with the
base64-decoded secret, of the path followed by the SHA-256 of nonce and body. The nonce of a key must be higher than
every one that was accepted before: whatever arrives out of order is refused.

An account's secret is any text here; what its owner signs with is `api_secret` of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random_secrets
from collections.abc import Mapping

from ganglion.simulation.venue.dialects.kraken.errors import BAD_KEY, BAD_NONCE, BAD_SESSION, BAD_SIGNATURE, ApiError

TOKEN_S = 900
"""How long a token may wait for its first use."""


def api_secret(secret: str) -> str:
    """The base64 secret that belongs to an account's secret."""
    return base64.b64encode(secret.encode()).decode()


def sign(secret: str, path: str, nonce: str, body: str) -> str:
    """The `API-Sign` of a request."""
    digest = hashlib.sha256((nonce + body).encode()).digest()
    made = hmac.new(base64.b64decode(secret), path.encode() + digest, hashlib.sha512)
    return base64.b64encode(made.digest()).decode()


class Keys:
    """The keys of one venue, the last nonce of each, and the tokens that were given out.

    Args:
        secrets: by API key.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._last_nonce: dict[str, int] = {}
        self._tokens: dict[str, tuple[str, int]] = {}

    def check(self, key: str | None, signature: str | None, path: str, nonce: str, body: str) -> str:
        """The account behind a signed request.

        Raises:
            ApiError: EAPI:Invalid key, EAPI:Invalid signature, EAPI:Invalid nonce, in this order.
        """
        secret = self._secrets.get(key or "")
        if key is None or secret is None:
            raise ApiError(BAD_KEY)
        made = sign(api_secret(secret), path, nonce, body)
        if not signature or not hmac.compare_digest(made.encode(), signature.encode()):
            raise ApiError(BAD_SIGNATURE)
        if not nonce.isdecimal() or int(nonce) <= self._last_nonce.get(key, 0):
            raise ApiError(BAD_NONCE)
        self._last_nonce[key] = int(nonce)
        return key

    def last_nonce(self, key: str) -> int:
        """The highest nonce accepted from a key; 0 before the first."""
        return self._last_nonce.get(key, 0)

    def give_token(self, account: str, now_ms: int) -> str:
        """A token that opens the account's private channels."""
        token = random_secrets.token_urlsafe(24)
        self._tokens[token] = (account, now_ms + TOKEN_S * 1000)
        return token

    def account_of(self, token: str | None, now_ms: int) -> str:
        """The account whose token this is.

        Raises:
            ApiError: ESession:Invalid session for one that is unknown or too old.
        """
        account, until_ms = self._tokens.get(token or "", ("", 0))
        if now_ms > until_ms:
            raise ApiError(BAD_SESSION)
        return account
