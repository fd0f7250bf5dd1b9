"""The entry point of a bot that is to be killed: the real bot of `ganglion run`, with the hooks of `hooks.py`.

`python -m tests.crash.bot_main PLAN.json` starts one cold. `python -m tests.crash.bot_main --zygote` imports everything
once and then forks a bot for each plan that it reads: a process of its own, that can be killed like any other, without
the two seconds of imports. It answers `{"pid": n}`, and `{"exited": pid, "status": n}` once a bot is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

LOOK_S = 0.02
Plan = dict[str, Any]


def live(plan: Plan) -> int:
    """Run one bot by its plan; its exit code, if it is not killed before."""
    from ganglion.bot.config import load
    from ganglion.bot.run import RunOptions, run
    from tests.crash.hooks import Events, Trigger, install

    log = os.open(plan["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    events = Events(plan["events"])
    events.say("start", pid=os.getpid(), point=plan["point"], nth=plan["nth"])
    trigger = Trigger(events, plan["point"], plan["nth"], plan["victims"], dies=plan["dies"], armed=plan["armed"])
    signal.signal(signal.SIGUSR1, lambda *_: trigger.arm())
    install(trigger, events)
    try:
        config = load(Path(plan["config"]), plan["environment"])
        code = int(run(config, RunOptions(log="console")))
    except BaseException:  # noqa: BLE001 - whatever ended it is told, the harness judges
        traceback.print_exc()
        events.say("end", code=-1, error=traceback.format_exc(limit=3))
        return 70
    events.say("end", code=code)
    return code


def zygote() -> None:
    """Fork a bot for each line that is read; end, with all of them, when the input does."""
    import aiohttp  # noqa: F401
    import ccxt.pro  # noqa: F401

    import ganglion.actors.exchange.ccxt.adapter
    import ganglion.actors.modes.grid
    import ganglion.actors.modes.market_making
    import ganglion.bot.run  # noqa: F401
    import tests.crash.hooks  # noqa: F401

    alive: set[int] = set()
    _answer({"ready": os.getpid()})
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], LOOK_S if alive else None)
        if readable:
            read = os.read(0, 65536)
            if not read:
                break
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                alive.add(_fork(json.loads(line)))
        _reap(alive)
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _fork(plan: Plan) -> int:
    pid = os.fork()
    if pid == 0:
        code = 71
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            code = live(plan)
        except BaseException:  # noqa: BLE001 - into the worker's log
            traceback.print_exc()
        finally:
            os._exit(code)
    _answer({"pid": pid})
    return pid


def _reap(alive: set[int]) -> None:
    for pid in list(alive):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            alive.discard(pid)
            _answer({"exited": pid, "status": os.waitstatus_to_exitcode(status)})


def _answer(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> int:
    """Read the arguments."""
    if sys.argv[1:] == ["--zygote"]:
        zygote()
        return 0
    return live(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
