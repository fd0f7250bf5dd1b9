"""Finds what would make two runs from one seed differ, in the source of one module.

`violations(source)` is a pure function over text; `test_determinism.py` points it at `actors/` and
`supervision/` and holds the table of seams. What sets are is judged from the module alone
(`set_inference.py`), so a set that comes from elsewhere unannotated passes: annotate it.

One line may be excused where the order or the clock provably does not matter:

    for watcher in watchers:  # sim-ok: only counts, the order is never seen

The reason is required, and an excuse with nothing to excuse is itself a violation.
"""

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from enum import StrEnum

from tests.house.set_inference import SetUse, uses_in_order


class Ban(StrEnum):
    """What is banned, and the name under which a seam may lift it."""

    CLOCK = "clock"
    RANDOM = "random"
    THREADS = "threads"
    ASYNCIO = "asyncio"
    ASK = "ask"
    SET_ORDER = "set order"
    EXCUSE = "excuse"


@dataclass(frozen=True, slots=True)
class Violation:
    """One banned use: where it stands and what to do instead."""

    line: int
    ban: Ban
    text: str


CLOCKS = {
    "time": {
        "sleep", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
        "process_time", "process_time_ns", "thread_time", "localtime", "gmtime", "ctime",
    },
    "datetime.datetime": {"now", "utcnow", "today"},
    "datetime.date": {"today"},
}  # fmt: skip
RANDOMS = {"os": {"urandom", "getrandom"}, "uuid": {"uuid1", "uuid4"}}

# Importing these at all is the violation: there is no harmless part worth the distinction.
BANNED_MODULES = {
    "secrets": Ban.RANDOM,
    "threading": Ban.THREADS,
    "_thread": Ban.THREADS,
    "concurrent.futures": Ban.THREADS,
    "multiprocessing": Ban.THREADS,
    "asyncio": Ban.ASYNCIO,
}
INSTEAD = {
    Ban.CLOCK: "ask the system's Clock",
    Ban.RANDOM: "take it from the system's Ids, or random.Random with a seed from there",
    Ban.THREADS: "choose a dispatcher in the ChildSpec",
    Ban.ASYNCIO: "tell and timers above the venue adapter, so that virtual time works",
    Ban.ASK: "tell, and handle the reply message",
    Ban.SET_ORDER: "sort it, or keep a dict",
}

_EXCUSE = re.compile(r"#\s*sim-ok\b:?(?P<reason>.*)")


def violations(source: str, *, lifted: frozenset[Ban] = frozenset()) -> list[Violation]:
    """All violations in a module's text, by line, without those that a seam has `lifted`."""
    tree = ast.parse(source)
    found = [*_Finder().run(tree), *map(_from_set_use, uses_in_order(tree))]
    spans = [(violation, span) for violation, span in found if violation.ban not in lifted]
    excuses = _excuses(source)
    used: set[int] = set()
    kept = []
    for violation, span in spans:
        lines = [line for line in span if excuses.get(line)]
        if lines:
            used.update(lines)
        else:
            kept.append(violation)
    for line, reason in excuses.items():
        if not reason:
            kept.append(Violation(line, Ban.EXCUSE, "`# sim-ok` without a reason: add `: why`"))
        elif line not in used:
            kept.append(Violation(line, Ban.EXCUSE, "`# sim-ok` excuses nothing here: remove it"))
    return sorted(kept, key=lambda violation: (violation.line, violation.ban))


def _excuses(source: str) -> dict[int, str]:
    """Line -> reason of each `# sim-ok` comment. Tokens, because a text may quote one."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := _EXCUSE.search(token.string)):
            found[token.start[0]] = match["reason"].strip()
    return found


_Found = tuple[Violation, range]


def _at(node: ast.AST, ban: Ban, what: str) -> _Found:
    line, end = node.lineno, node.end_lineno or node.lineno
    return Violation(line, ban, f"{what}: {INSTEAD[ban]}"), range(line, end + 1)


def _from_set_use(use: SetUse) -> _Found:
    return _at(use.node, Ban.SET_ORDER, f"`{ast.unparse(use.node)}` is a set, {use.how} in order")


class _Finder(ast.NodeVisitor):
    """Clocks, randomness, threads, asyncio and asks, resolved through the module's imports."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._found: list[_Found] = []

    def run(self, tree: ast.Module) -> list[_Found]:
        # Imports first, wherever they stand: a function may use a name that is imported below it.
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self._import_from(node, node.module)
        self.visit(tree)
        return self._found

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._names[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            self._check_module(node, alias.name)

    def _import_from(self, node: ast.ImportFrom, module: str) -> None:
        if self._check_module(node, module):
            return
        for alias in node.names:
            dotted = f"{module}.{alias.name}"
            self._names[alias.asname or alias.name] = dotted
            if module == "time":
                self._add(node, Ban.CLOCK, f"`from time import {alias.name}`")
            elif not self._check_module(node, dotted):
                self._check_dotted(node, dotted)

    def _check_module(self, node: ast.stmt, module: str) -> bool:
        for banned, ban in BANNED_MODULES.items():
            if module == banned or module.startswith(f"{banned}."):
                self._add(node, ban, f"import of {banned}")
                return True
        return False

    def _check_dotted(self, node: ast.AST, dotted: str) -> None:
        owner, _, name = dotted.rpartition(".")
        if name in CLOCKS.get(owner, ()):
            self._add(node, Ban.CLOCK, f"`{dotted}`")
        elif name in RANDOMS.get(owner, ()) or (owner == "random" and name != "Random"):
            self._add(node, Ban.RANDOM, f"`{dotted}`")

    def _add(self, node: ast.AST, ban: Ban, what: str) -> None:
        self._found.append(_at(node, ban, what))

    def _dotted(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute) and (owner := self._dotted(node.value)):
            return f"{owner}.{node.attr}"
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if dotted := self._dotted(node):
            self._check_dotted(node, dotted)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "ask":
            self._add(node, Ban.ASK, f"`{ast.unparse(node.func)}()`")
        if self._dotted(node.func) == "random.Random" and not (node.args or node.keywords):
            self._add(node, Ban.RANDOM, "`random.Random()` without a seed")
        self.generic_visit(node)
