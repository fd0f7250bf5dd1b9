"""Where log lines go and what they look like: console or JSON, one line an event, secrets taken out of every line.

Called once by the process (`run`, `demo`); a host that embeds a bot configures structlog itself and leaves this alone.
Lines go to standard error, so that a command's output stays clean; under the live view they go to a ring instead.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any, Literal, TextIO, TypeAlias

import structlog

from ganglion.bot.secrets import Scrubber

Format: TypeAlias = Literal["console", "json"]
Event: TypeAlias = MutableMapping[str, Any]

LINES_KEPT = 200


class LogRing:
    """The newest log lines, for the live view: written like a stream, read as lines. Any thread may write."""

    def __init__(self, keep: int = LINES_KEPT) -> None:
        self._lines: deque[str] = deque(maxlen=keep)

    def write(self, text: str) -> int:
        """Take a rendered line."""
        self._lines.extend(line for line in text.splitlines() if line.strip())
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def last(self, count: int) -> tuple[str, ...]:
        """The newest lines, oldest of them first."""
        return tuple(list(self._lines)[-count:])


def configure(
    form: Format = "console",
    *,
    scrubber: Scrubber | None = None,
    stream: TextIO | LogRing | None = None,
    level: int = logging.INFO,
) -> None:
    """Set structlog up for this process.

    Context variables are not merged into lines: actors of an arm share a thread, so what one of them binds there would
    stand in its neighbours' lines. An actor's own logger (`self.log`) is bound once, to its path.

    Args:
        form: `json` writes one object a line, `console` aligned text.
        scrubber: takes secrets out of every finished line, exceptions and foreign lines included.
        stream: where lines go; standard error by default.
        level: the least level that is written.
    """
    out = sys.stderr if stream is None else stream
    scrubber = scrubber or Scrubber()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _scrubbed(_renderer(form, colors=_is_terminal(out)), scrubber),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_LoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _adopt_foreign_lines(out, scrubber.scrub, level)


class _LoggerFactory:
    """Makes loggers that write to one stream; kept apart from structlog's own, which insists on real files."""

    def __init__(self, out: TextIO | LogRing) -> None:
        self._out = out

    def __call__(self, *_: object) -> _Writer:
        return _Writer(self._out)


class _Writer:
    """Writes finished lines; one `write` a line, so that threads don't mix theirs."""

    def __init__(self, out: TextIO | LogRing) -> None:
        self._out = out

    def msg(self, message: str) -> None:
        """Write a line."""
        self._out.write(message + "\n")
        self._out.flush()

    log = debug = info = warning = warn = error = critical = exception = fatal = failure = err = msg


def _renderer(form: Format, *, colors: bool) -> Callable[[Any, str, Event], str]:
    if form == "console":
        # Plain tracebacks: the others show local variables, and what stands in them.
        return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    json = structlog.processors.JSONRenderer(default=str)

    def render(logger: Any, method: str, event: Event) -> str:
        return str(json(logger, method, event))

    return render


def _scrubbed(render: Callable[[Any, str, Event], str], scrubber: Scrubber) -> Callable[[Any, str, Event], str]:
    """Scrub the finished line, so that nothing rendered escapes; secrets that may be words only out of its texts."""

    def processor(logger: Any, method: str, event: Event) -> str:
        texts = {key: scrubber.scrub_value(value) for key, value in event.items()}
        return scrubber.scrub_long(render(logger, method, texts))

    return processor


class _Foreign(logging.Handler):
    """Lines of libraries (ccxt, aiohttp, asyncio) through the same scrubber."""

    def __init__(self, out: TextIO | LogRing, scrub: Callable[[str], str]) -> None:
        super().__init__()
        self._out = out
        self._scrub = scrub
        self.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self._out.write(self._scrub(self.format(record)) + "\n")


def _adopt_foreign_lines(out: TextIO | LogRing, scrub: Callable[[str], str], level: int) -> None:
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _Foreign):
            root.removeHandler(handler)
    root.addHandler(_Foreign(out, scrub))
    # Libraries say at INFO what our own events say better.
    root.setLevel(max(level, logging.WARNING))


def _is_terminal(out: TextIO | LogRing) -> bool:
    return not isinstance(out, LogRing) and out.isatty()
