"""Order books and candles, one actor per symbol, fed by the exchange actor."""
