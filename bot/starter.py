"""The bot.toml that `ganglion init` writes: a real exchange's test system, every choice explained."""

STARTER = """\
# A Ganglion bot. `ganglion check bot.toml` says what is wrong with it, `ganglion run bot.toml` runs it.

[bot]
name = "my-bot"
reference = "USDT"          # what everything is valued in
cancel_on_stop = true       # take all own orders back when the bot stops

# One table for each exchange account. The name after the dot is yours.
[exchanges.first]
id = "binance"              # any exchange of ccxt that has streams
symbols = ["BTC/USDT", "ETH/USDT"]
sandbox = true              # the exchange's own test system: no real money
# live = true               # instead of sandbox, once you mean it
# simulated = { balances = { USDT = 10000 } }     # what `ganglion backtest` and `ganglion paper` open with
# evidence_grace_s = 30     # how long an order may be invisible after it was sent; by default what suits the exchange

# Secrets stand elsewhere: "env:NAME" in the environment, "file:PATH" in a file of its own.
# A key that may trade and may not withdraw is enough.
[exchanges.first.credentials]
key = "env:FIRST_KEY"
secret = "env:FIRST_SECRET"

# Refused before anything is sent; leave out what should not be limited.
[exchanges.first.limits]
max_orders_per_minute = 60
# max_loss = 200            # in the reference: over it the account is halted and its orders are cancelled

# One table for each trading mode; `ganglion modes` lists them and `ganglion modes NAME` their settings.
[modes.maker]
mode = "market_making"
exchange = "first"
symbol = "BTC/USDT"
funds = "50%"               # of the account; without it modes share what is left equally
spread_pct = 0.2            # between own bid and ask, percent of price

[modes.maker.limits]
max_notional_per_order = 500    # in USDT
price_collar = 0.02             # refuse prices that lose more than 2 % against mid

[modes.grid]
mode = "grid"
exchange = "first"
symbol = "ETH/USDT"
levels = 5                  # orders on each side of the centre
step_pct = 0.5              # between them, percent of price

# What `ganglion backtest` and `ganglion paper` assume of fills; nothing else reads it.
[backtest]
half_spread_pct = 0.01      # from a price of the data to either best price, percent
# slippage_pct = 0.01       # beyond it, for orders that take
# latency_s = 0.1
"""
