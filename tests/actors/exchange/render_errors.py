"""Writes the tables of docs/errors.md from the data: `python -m tests.actors.exchange.render_errors` rewrites the file.

What stands between two marks is made here; the prose around them is the author's.
"""

from collections.abc import Callable
from pathlib import Path

from ganglion.actors.exchange.error_table import TABLE, Cell
from ganglion.actors.exchange.quirks import QUIRKS, Quirks

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def cell_text(cell: Cell) -> str:
    """`retry x2, then escalate`."""
    text = " + ".join(str(verb) for verb in cell.verbs)
    if cell.tries is not None:
        after = " + ".join(str(verb) for verb in cell.after)
        text = f"{text} x{cell.tries}, then {after}"
    return text


def errors() -> str:
    """One row for each class."""
    lines = ["| class | reading | stream | place | cancel, amend | why |", "|---|---|---|---|---|---|"]
    for row in TABLE:
        cells = [cell_text(cell) for cell in (row.read, row.stream, row.place, row.cancel)]
        lines.append(f"| {row.error} | {' | '.join(cells)} | {row.why} |")
    return "\n".join(lines)


def spelling(quirks: Quirks) -> str:
    """How our client id is written there."""
    rule = quirks.client_id
    if rule.hex_digits:
        return f"0x + {rule.hex_digits} hex digits"
    return f"`{rule.prefix}` + {rule.max_length}" if rule.prefix else f"{rule.max_length}"


def expiry(quirks: Quirks) -> str:
    """How a place that comes late is refused there."""
    if quirks.expiry_ms is None:
        return "none"
    how = quirks.deadline_param or quirks.deadline_header or next(iter(quirks.expiry_params), "") or "recvWindow header"
    return f"{how}, {quirks.expiry_ms / 1000:g} s"


def look_ups(quirks: Quirks) -> str:
    """What is asked about an order in doubt, and whether silence counts."""
    by = "by client id, then scans" if quirks.fetch_by_client_id else "scans"
    return f"{by}; silence is a vote" if quirks.look_up_tested else f"{by}; silence proves nothing"


def envelope(quirks: Quirks) -> str:
    """What a reply has to have before an empty one is believed."""
    names = {".".join(path) for path in quirks.list_paths.values()}
    if names:
        return ", ".join(sorted(names))
    return {"": "a bare list", None: "not checked"}.get(quirks.list_envelope, str(quirks.list_envelope))


def dead_man(quirks: Quirks, *, has: bool) -> str:
    """Its range."""
    if not has:
        return "-"
    rule = quirks.dead_man
    text = f"{rule.least_s:g} to {rule.most_s:g} s"
    return text if rule.stops else f"{text}, cannot be switched off"


def venues() -> str:
    """One row for each venue of which something is known."""
    import ccxt

    columns: dict[str, Callable[[str, Quirks], str]] = {
        "venue": lambda name, _: name,
        "client id, characters": lambda _, quirks: spelling(quirks),
        "taken twice": lambda _, quirks: ", ".join(quirks.duplicate_texts) or "not known",
        "a late place is refused by": lambda _, quirks: expiry(quirks),
        "an order in doubt": lambda _, quirks: look_ups(quirks),
        "lists come under": lambda _, quirks: envelope(quirks),
        "429 is refused before matching": lambda _, quirks: (
            "yes" if quirks.gateway_refuses_rate_limits else "not known"
        ),
        "dead man's switch": lambda name, quirks: dead_man(
            quirks, has=bool(getattr(ccxt, name)().has.get("cancelAllOrdersAfter"))
        ),
    }
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(make(name, quirks) for make in columns.values())} |" for name, quirks in QUIRKS.items()]
    return "\n".join(lines)


def rendered(page: str) -> str:
    """The page with its tables as the data has them."""
    for name, make in (("errors", errors), ("venues", venues)):
        begin, end = f"<!-- {name}: made from the data -->\n", f"\n<!-- end of {name} -->"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        assert tail or rest.endswith(end), f"docs/errors.md has no marks for {name}"
        page = head + begin + make() + end + tail
    return page


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
