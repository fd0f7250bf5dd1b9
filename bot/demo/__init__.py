"""The demo: one bot on two local venues, hurt on purpose by a written scenario, judged by its own books at the end.

`scenario` what happens when, as data · `stage` the venues and what is done to them · `witness` hears what the bot
publishes · `story` what a viewer is told · `checks` what must hold at the end · `report` the last page · `view` the
picture on a terminal · `show` the whole evening. Needs no keys and no network.
"""

from ganglion.bot.demo.show import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]
