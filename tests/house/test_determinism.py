"""One seed, one run: nothing in actors/ and supervision/ takes time, chance or order from outside.

The first half holds the rooms to it, with the seams as an explicit table; the second half holds the
checker to its word: each ban catches what it names and nothing beside it.
"""

from fnmatch import fnmatch
from textwrap import dedent

import pytest

from tests.house.determinism import Ban, violations
from tests.house.rooms import name_of, sources

# Where the outside world comes in, what each place may use, and why. Set order has no seam.
SEAMS = {
    "supervision/clock.py": ({Ban.CLOCK}, "the real clock is one of the clocks"),
    "supervision/ids.py": ({Ban.RANDOM}, "ids and seeds start somewhere"),
    "supervision/dispatchers/*": (
        {Ban.CLOCK, Ban.THREADS, Ban.ASYNCIO},
        "they are the loops and threads that everything else is kept from",
    ),
    "supervision/system.py": (
        {Ban.THREADS, Ban.ASYNCIO, Ban.ASK},
        "it starts the dispatchers, waits for them from outside, and asks on behalf of outsiders",
    ),
    "supervision/tape/recording.py": ({Ban.THREADS}, "a lock gives the turns of all threads one order"),
    "supervision/tape/turns.py": ({Ban.ASK}, "its address asks on behalf of outsiders, as every address does"),
    "supervision/events.py": ({Ban.THREADS}, "any thread publishes; a lock keeps its subscribers"),
    "supervision/probe.py": ({Ban.THREADS}, "a test's thread waits on it for what an actor's thread brings"),
    "supervision/reply.py": ({Ban.ASYNCIO}, "a host's coroutine may wait for an answer without blocking its loop"),
    "supervision/pykka_hooks.py": ({Ban.THREADS}, "pykka waits for an actor's end on a threading.Event"),
    "supervision/watchdog.py": (
        {Ban.CLOCK, Ban.THREADS},
        "it watches hung dispatchers, so it may not live on one",
    ),
    "actors/exchange/ccxt/*": (
        {Ban.CLOCK, Ban.ASYNCIO, Ban.THREADS},
        "it speaks to a real venue; the simulation has a venue port of its own",
    ),
}


def lifted_for(name: str) -> frozenset[Ban]:
    return frozenset(ban for pattern, (bans, _) in SEAMS.items() if fnmatch(name, pattern) for ban in bans)


@pytest.mark.parametrize("path", sources("actors", "supervision"), ids=name_of)
def test_a_module_takes_no_time_chance_or_order_from_outside(path):
    found = violations(path.read_text(), lifted=lifted_for(name_of(path)))
    assert not found, "\n" + "\n".join(f"{name_of(path)}:{violation.line}: {violation.text}" for violation in found)


def test_every_seam_gives_its_reason_and_none_lifts_the_order_of_sets():
    for bans, reason in SEAMS.values():
        assert reason
        assert Ban.SET_ORDER not in bans


def caught(source: str, **options: frozenset[Ban]) -> list[tuple[int, Ban]]:
    return [(violation.line, violation.ban) for violation in violations(dedent(source), **options)]


def bans(source: str) -> set[Ban]:
    return {ban for _, ban in caught(source)}


@pytest.mark.parametrize(
    "source",
    [
        "import time\nt = time.time()",
        "import time\nt = time.time_ns()",
        "import time as clock\nt = clock.monotonic()",
        "import time\nt = time.perf_counter()",
        "import time\ntime.sleep(1)",
        "import time\nread = time.monotonic  # passed on, called elsewhere",
        "from time import monotonic",
        "from time import time as now",
        "import datetime\nt = datetime.datetime.now()",
        "import datetime as dt\nt = dt.datetime.utcnow()",
        "from datetime import datetime\nt = datetime.now(tz=None)",
        "from datetime import datetime as when\nt = when.today()",
        "from datetime import date\nt = date.today()",
        "def late():\n    import time\n    return time.time()",
    ],
)
def test_raw_clocks_are_caught(source):
    assert bans(source) == {Ban.CLOCK}


@pytest.mark.parametrize(
    "source",
    [
        "import random\nx = random.random()",
        "import random\nx = random.choice([1, 2])",
        "import random\nrandom.seed(1)",
        "import random\nx = random.Random()",
        "import random\nx = random.SystemRandom()",
        "from random import Random\nx = Random()",
        "from random import shuffle",
        "import uuid\nx = uuid.uuid4()",
        "from uuid import uuid1",
        "import os\nx = os.urandom(8)",
        "from os import urandom",
        "import secrets",
        "from secrets import token_hex",
    ],
)
def test_unseeded_chance_is_caught(source):
    assert bans(source) == {Ban.RANDOM}


@pytest.mark.parametrize(
    "source",
    [
        "import threading",
        "from threading import Lock",
        "import concurrent.futures",
        "from concurrent.futures import ThreadPoolExecutor",
        "from concurrent import futures",
        "import multiprocessing.pool",
    ],
)
def test_threads_are_caught(source):
    assert bans(source) == {Ban.THREADS}


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)",
        "import asyncio\nlock = asyncio.Lock()",
        "from asyncio import wait_for",
    ],
)
def test_asyncio_is_caught(source):
    assert bans(source) == {Ban.ASYNCIO}


def test_an_ask_is_caught_and_the_ask_side_of_a_book_is_not():
    assert caught("reply = portfolio.ask(Read(), timeout=1)") == [(1, Ban.ASK)]
    assert caught("price = book.ask\nside = top.ask.price\nbest = book.best_ask()") == []


@pytest.mark.parametrize(
    "source",
    [
        "for x in {1, 2}: print(x)",
        "for x in set(names): print(x)",
        "for x in frozenset(names): print(x)",
        "xs = [x for x in {1, 2}]",
        "xs = {x: 1 for x in set(names)}",
        "total = sum(x.fee for x in set(fills))",
        "xs = list({1, 2})",
        "xs = tuple(set(names))",
        "text = ', '.join({'a', 'b'})",
        "first = next(iter({1, 2}))",
        "xs = [*{1, 2}]",
        "f(*{1, 2})",
        "a, b = {1, 2}",
        "known = set()\nfor x in known: print(x)",
        "known: set[str] = load()\nfor x in known: print(x)",
        "known: 'set[str] | None' = load()\nfor x in known: print(x)",
        "def f(known: frozenset[str]):\n    for x in known: print(x)",
        "def f(known: collections.abc.Set[str]):\n    return list(known)",
        "known = {1}\ndef f():\n    return [x for x in known]",
        "def f():\n    def g():\n        return list(known)\n    known = set()\n    return g",
        "for x in old.keys() - new.keys(): print(x)",
        "for x in old.keys() & {1}: print(x)",
        "for x in {1}.union(xs): print(x)",
        "a = {1}\nb = a | other\nfor x in b: print(x)",
        "for x in (a := {1, 2}): print(x)",
        "def ids() -> set[str]: ...\nfor x in ids(): print(x)",
        "known = {1}\nx = known.pop()",
        "def f():\n    yield from {1, 2}",
        "first = min({1, 2}, key=rank)",
        "xs = sorted({1, 2}, key=rank)",
    ],
)
def test_the_order_of_a_set_is_caught(source):
    assert bans(source) == {Ban.SET_ORDER}


@pytest.mark.parametrize(
    "attribute",
    [
        "symbols: frozenset[str]",
        "def __init__(self):\n        self.symbols = set()",
        "def __init__(self):\n        self.symbols = None\n        self.symbols = set()",
        "def __init__(self):\n        self.symbols: set[str] = load()",
        "def __init__(self, symbols: set[str]):\n        self.symbols = symbols",
    ],
)
def test_a_set_kept_on_an_object_is_caught_where_it_is_looped_over(attribute):
    source = f"class Arm:\n    {attribute}\n\n    def f(self):\n        return list(self.symbols)\n"
    assert bans(source) == {Ban.SET_ORDER}
    outside = f"class Arm:\n    {attribute}\n\ndef f(arm):\n    return [x for x in arm.symbols]\n"
    assert bans(outside) == {Ban.SET_ORDER}


@pytest.mark.parametrize(
    "source",
    [
        "for x in {1: 2}: print(x)",
        "prices: dict[str, int] = {}\nfor x in prices: print(x)",
        "for x in prices.keys(): print(x)",
        "for x, y in prices.items(): print(x)",
        "for x in sorted({1, 2}): print(x)",
        "known = set()\nfor x in sorted(known): print(x)",
        "known = set()\nknown = sorted(known)\nfor x in known: print(x)",
        "xs = sorted(x.id for x in {1, 2})",
        "xs = sorted(list({1, 2}))",
        "xs = sorted([x for x in {1, 2}])",
        "ok = any(x > 1 for x in {1, 2})",
        "n = len({1, 2})\nlow = min({1, 2})",
        "known = {x + 1 for x in {1, 2}}",
        "known = {*{1}, *{2}}",
        "known = set()\nknown.update(x for x in {1, 2})",
        "known = {1}\nfound = 1 in known and known >= {1}",
        "flags = a | b\nfor x in range(a & b): print(x)",
        "known = {1}\nknown.discard(1)\nlast = stack.pop()",
        "def f(known: list[str]):\n    for x in known: print(x)\nknown = {1}",
        "class A:\n    x: set[str]\nclass B:\n    x: list[str]\n    def f(self): list(self.x)",
        "class A:\n x: set[str]\nclass B:\n def f(self, b):\n  self.x = []\n  list(b.x)",
        "import random\nrng = random.Random(seed)\nx = rng.random()",
        "from random import Random\ndef f(rng: Random): return rng.choice(xs)",
        "from datetime import datetime, UTC\nt = datetime.fromtimestamp(message.at_s, UTC)",
        "import uuid\nx = uuid.UUID(bytes=given)",
        "t = clock.time()\nclock.sleep(1)\nx = ids.uuid4()",
        "text = 'time.time() and # sim-ok in a text'",
        "import os\nx = os.environ",
    ],
)
def test_what_is_harmless_passes(source):
    assert caught(source) == []


def test_a_dict_update_from_a_set_is_caught_because_a_dict_keeps_order():
    assert bans("prices = {}\nprices.update((x, 1) for x in {1, 2})") == {Ban.SET_ORDER}


def test_a_seam_lifts_its_own_bans_only():
    source = """
        import time
        import threading
        now = time.time()
        for x in {1}: print(x)
    """
    assert caught(source, lifted=frozenset({Ban.CLOCK, Ban.THREADS})) == [(5, Ban.SET_ORDER)]


def test_an_excuse_with_a_reason_lets_its_line_pass():
    assert caught("for x in {1}: n += x  # sim-ok: sums of ints commute") == []
    assert caught("xs = list(\n    {1, 2}  # sim-ok: thrown away\n)") == []


def test_an_excuse_without_a_reason_is_caught_and_excuses_nothing():
    for comment in ("# sim-ok", "# sim-ok:", "# sim-ok:  "):
        assert bans(f"for x in {{1}}: print(x)  {comment}") == {Ban.SET_ORDER, Ban.EXCUSE}


def test_an_excuse_with_nothing_to_excuse_is_caught():
    assert caught("x = 1  # sim-ok: was a clock once") == [(1, Ban.EXCUSE)]


def test_a_violation_names_its_line_and_the_way_out():
    (found,) = violations("import time\n\nnow = time.monotonic()\n")
    assert (found.line, found.text) == (3, "`time.monotonic`: ask the system's Clock")
