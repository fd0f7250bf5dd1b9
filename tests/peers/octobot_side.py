"""OctoBot-Trading's own create-order path against a local venue; run by an interpreter that has it, never imported.

    python octobot_side.py '{"ccxt": …, "symbol": …, "amount": …, "price": …, "market": false, "watch_s": 30}'

A real trader on OctoBot's RestExchange, its CCXTConnector and an unmodified ccxt class, pointed at the venue by
addresses alone. It creates one order and prints one line of JSON: what the call came to, and which orders the bot
knows of. Nothing of ganglion is imported here, nothing of OctoBot is patched.
"""

import asyncio
import decimal
import importlib.metadata
import json
import logging
import sys
from typing import Any

import octobot_commons.constants as commons
import octobot_commons.enums as commons_enums
import octobot_trading.api as trading_api
from octobot_commons import configuration
from octobot_trading import enums, exchanges, personal_data

MARK = "result "
TASK: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
VERSIONS = ("octobot-trading", "ccxt", "aiohttp")


class LocalBinance(exchanges.RestExchange):
    """Binance at the local venue's addresses."""

    @classmethod
    def get_name(cls) -> str:
        return "binance"

    def get_additional_connector_config(self) -> dict[str, Any]:
        return {name: TASK["ccxt"][name] for name in ("urls", "options")}


def config() -> dict[str, Any]:
    """The least configuration of a bot with a real trader and without a trading mode."""
    base = TASK["symbol"].split("/")[0]
    # OctoBot takes keys encrypted, as its configuration file has them.
    keys = {"api-key": TASK["ccxt"]["apiKey"], "api-secret": TASK["ccxt"]["secret"]}
    account = {name: configuration.encrypt(key).decode() for name, key in keys.items()}
    return {
        commons.CONFIG_CRYPTO_CURRENCIES: {base: {commons.CONFIG_CRYPTO_PAIRS: [TASK["symbol"]]}},
        commons.CONFIG_EXCHANGES: {"binance": account},
        commons.CONFIG_TIME_FRAME: [commons_enums.TimeFrames.ONE_HOUR],
        commons.CONFIG_TRADING: {commons.CONFIG_TRADER_REFERENCE_MARKET: "USDT", commons.CONFIG_TRADER_RISK: 0.5},
        commons.CONFIG_TRADER: {commons.CONFIG_ENABLED_OPTION: True, commons.CONFIG_LOAD_TRADE_HISTORY: False},
        commons.CONFIG_SIMULATOR: {commons.CONFIG_ENABLED_OPTION: False, commons.CONFIG_STARTING_PORTFOLIO: {}},
        commons.CONFIG_TENTACLES_REQUIRED_CANDLES_COUNT: 0,
    }


def say(line: str) -> None:
    """Tell who has started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def known_to(manager: Any) -> list[str]:
    """The venue's ids of every order that the bot has."""
    data = manager.exchange_personal_data
    known = [*data.orders_manager.get_all_orders(), *data.trades_manager.trades.values()]
    return list(dict.fromkeys(str(one.exchange_order_id) for one in known))


async def create() -> dict[str, Any]:
    """Create one order, the way a trading mode does it."""
    builder = trading_api.create_exchange_builder(config(), "binance").is_real().is_rest_only()
    builder = builder.is_using_exchange_type("spot").disable_trading_mode().enable_storage(False)
    manager = await builder.build()
    try:
        price, kind = decimal.Decimal(TASK["price"]), enums.TraderOrderType
        order = personal_data.create_order_instance(
            trader=manager.trader,
            order_type=kind.BUY_MARKET if TASK["market"] else kind.BUY_LIMIT,
            symbol=TASK["symbol"],
            current_price=price,
            quantity=decimal.Decimal(TASK["amount"]),
            price=price,
        )
        say("ready")
        sys.stdin.readline()  # the venue's fault is switched on meanwhile
        said = ""
        made = None
        try:
            made = await manager.trader.create_order(order)
        except Exception as error:  # noqa: BLE001 - what it raises is the finding
            said = f"{type(error).__name__}: {error}"
        known = known_to(manager)
        await asyncio.sleep(TASK["watch_s"])  # its updater reads the open orders every few seconds
        return {
            "returned": None if made is None else str(made.exchange_order_id),
            "raised": said,
            "known": known,
            "known_later": known_to(manager),
            "versions": {name: importlib.metadata.version(name) for name in VERSIONS},
        }
    finally:
        await manager.stop()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    say(MARK + json.dumps(asyncio.run(create())))
