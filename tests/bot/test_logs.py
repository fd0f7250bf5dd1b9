"""Log lines: one an event, and no secret in any of them."""

import io
import json
import logging

import pytest
import structlog

from ganglion.bot.logs import LogRing, configure
from ganglion.bot.secrets import Reference, Scrubber, Secret

VALUE = 'hush"0123\\456'
SCRUBBER = Scrubber([Secret(VALUE, Reference("env", "KEY"))])


def written(form: str, **event: object) -> str:
    out = io.StringIO()
    configure(form, scrubber=SCRUBBER, stream=out)  # type: ignore[arg-type]
    structlog.get_logger().warning("something_happened", **event)
    return out.getvalue()


def test_json_lines_are_one_object_each():
    line = written("json", path="/bot/alpha", count=3)
    event = json.loads(line)
    assert (event["event"], event["path"], event["count"], event["level"]) == (
        "something_happened",
        "/bot/alpha",
        3,
        "warning",
    )
    assert event["timestamp"].endswith("Z")
    assert line.count("\n") == 1


def test_console_lines_carry_event_and_fields():
    line = written("console", path="/bot/alpha")
    assert "something_happened" in line
    assert "path=/bot/alpha" in line


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "event",
    [
        {"text": f"refused: {VALUE}"},
        {"nested": {"headers": [f"X-KEY: {VALUE}"]}},
        {VALUE: "as a key"},
        {"exc_info": ValueError(f"signature of {VALUE}")},
    ],
)
def test_no_line_shows_a_secret_wherever_it_stands(form, event):
    line = written(form, **event)
    assert "***" in line
    assert "0123" not in line


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_short_secret_is_hidden_in_the_texts_of_a_line_and_not_in_its_keys_and_numbers(form):
    out = io.StringIO()
    short = Scrubber([Secret(value, Reference("env", "KEY")) for value in ("demo", "1234")])
    configure(form, scrubber=short, stream=out)  # type: ignore[arg-type]
    structlog.get_logger().warning("refused", demo=1, why="key demo of 1234", amount=1234, exc_info=ValueError("demo"))
    line = out.getvalue()
    assert "key *** of ***" in line
    assert "ValueError: ***" in line
    for shown in ('"demo": 1', '"amount": 1234') if form == "json" else ("demo=1", "amount=1234"):
        assert shown in line


def test_a_console_traceback_shows_no_local_variables():
    def fails() -> None:
        inner = "a local's value"
        raise ValueError(str(len(inner)))

    try:
        fails()
    except ValueError as error:
        line = written("console", exc_info=error)
    assert "ValueError: 15" in line
    assert "a local's value" not in line


def test_lines_of_libraries_are_scrubbed_too():
    out = io.StringIO()
    configure("console", scrubber=SCRUBBER, stream=out)
    logging.getLogger("aiohttp.client").error("request with %s failed", VALUE)
    assert "aiohttp.client" in out.getvalue()
    assert "0123" not in out.getvalue()


def test_configuring_twice_writes_each_foreign_line_once():
    out = io.StringIO()
    configure("console", stream=io.StringIO())
    configure("console", stream=out)
    logging.getLogger("ccxt").error("once")
    assert out.getvalue().count("once") == 1


def test_a_ring_keeps_the_newest_lines():
    ring = LogRing(keep=2)
    configure("json", stream=ring)
    for number in range(3):
        structlog.get_logger().info("line", number=number)
    assert [json.loads(line)["number"] for line in ring.last(5)] == [1, 2]


def test_what_somebody_bound_into_the_context_stands_in_nobody_elses_line():
    with structlog.contextvars.bound_contextvars(order="of a neighbour"):
        assert "neighbour" not in written("json", path="/bot/alpha")
