"""Candles of one market: `timeframe` intervals of time, `series` the plain value, `actor` what publishes them."""

from ganglion.actors.market.candles.actor import CandleActor
from ganglion.actors.market.candles.series import CandleSeries, Watermark
from ganglion.actors.market.candles.timeframe import Timeframe, TimeframeError

__all__ = ["CandleActor", "CandleSeries", "Timeframe", "TimeframeError", "Watermark"]
