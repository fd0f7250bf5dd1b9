"""The control socket of a running bot: how an operator at the same machine looks at it, halts it and gets out.

`protocol` what is said, `place` where, `server` and `operator` in the bot's process, `client` in everybody else's.
"""
