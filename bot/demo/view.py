"""The demo on a terminal: the script with what became of each scene, above the bot's own live view."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ganglion.bot.demo.scenario import Scene
from ganglion.bot.demo.story import Played, outcome
from ganglion.bot.demo.witness import Testimony
from ganglion.bot.live_view import arms_table, render
from ganglion.bot.views import Status
from ganglion.supervision import Tree

REFRESH_PER_S = 4
ROOMY = (116, 44)
"""Columns and lines that the whole picture needs."""


class Picture(msgspec.Struct, frozen=True):
    """All that one picture shows."""

    scenes: tuple[Scene, ...]
    played: tuple[Played, ...]
    heard: Testimony
    status: Status
    tree: Tree
    now_s: float
    started_s: float
    headline: str


def draw(picture: Picture, *, small: bool = False) -> RenderableType:
    """One picture; a small one fits a terminal of 80 x 24."""
    below = _arms(picture) if small else render(picture.status, picture.tree, title="bot")
    return Group(Panel(_script(picture), title=picture.headline, title_align="left", border_style="cyan"), below)


def _arms(picture: Picture) -> RenderableType:
    """One line an arm, and the actors that were restarted."""
    restarted = [f"{cell.path} {cell.restarts}" for cell in picture.tree.root.walk() if cell.restarts]
    fills = [f"{mode.name} {mode.fills}" for mode in picture.status.modes]
    violations = len(picture.status.violations)
    return Group(
        arms_table(picture.status),
        Text(f"fills     {', '.join(fills)}"),
        Text(f"restarts  {', '.join(restarted) or 'none'}", style="yellow" if restarted else ""),
        Text(f"violations {violations}", style="bold red" if violations else "green"),
    )


def _script(picture: Picture) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column(width=1)
    table.add_column(width=5, justify="right")
    table.add_column(ratio=3, no_wrap=True)
    table.add_column(ratio=2, no_wrap=True)
    for number, scene in enumerate(picture.scenes):
        if number >= len(picture.played):
            table.add_row("", f"{scene.at_s:.0f} s", Text(scene.title, style="dim"), "")
            continue
        became = outcome(picture.played[number], picture.heard, picture.now_s)
        mark = Text("✔", style="green") if became.settled else Text("▶", style="bold yellow")
        words = Text(became.text, style="green" if became.settled else "bold yellow")
        table.add_row(mark, f"{scene.at_s:.0f} s", Text(scene.title), words)
    return table


class DemoView:
    """Shows the picture that `look` makes until the block ends, then gives the screen back."""

    def __init__(self, look: Callable[[], Picture], console: Console) -> None:
        self._look = look
        self._console = console
        self._live = Live(
            get_renderable=self._draw,
            console=console,
            refresh_per_second=REFRESH_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _draw(self) -> RenderableType:
        width, height = self._console.size
        return draw(self._look(), small=width < ROOMY[0] or height < ROOMY[1])

    def __enter__(self) -> Self:
        """Begin to show."""
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the screen back."""
        self._live.stop()
