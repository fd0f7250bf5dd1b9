"""Any tree under any troubles: lives alternate, order holds, nobody is forgotten, and it can always be stopped."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages.lifecycle import CellState
from ganglion.supervision import (
    ActorDeadError,
    Backoff,
    Budget,
    ChildSpec,
    ResumeChild,
    StartChild,
    StopChild,
    Strategy,
    Supervisor,
    System,
)
from tests.supervision.cast import Add, Boom, Counter, End, Read, Traced

LEAVES = ("a", "b", "x", "y", "z")
PATHS = ("/top/a", "/top/b", "/top/inner/x", "/top/inner/y", "/top/inner/z", "/top/inner", "/top")
AT_REST = (CellState.RUNNING, CellState.PARKED)


@dataclass
class Plan:
    """What the tree is made of."""

    outer: Strategy
    inner: Strategy
    restarts: dict[str, str]
    escalates: dict[str, bool]
    budget: int
    base_s: float
    start_failures: dict[str, int] = field(default_factory=dict)


plans = st.builds(
    Plan,
    outer=st.sampled_from(Strategy),
    inner=st.sampled_from(Strategy),
    restarts=st.fixed_dictionaries(
        {name: st.sampled_from(["permanent", "permanent", "transient", "temporary"]) for name in LEAVES}
    ),
    escalates=st.fixed_dictionaries({name: st.booleans() for name in (*LEAVES, "inner")}),
    budget=st.integers(0, 3),
    base_s=st.sampled_from([0.0, 1.0]),
    start_failures=st.fixed_dictionaries({name: st.sampled_from([0, 0, 0, 1, 2]) for name in LEAVES}),
)
troubles = st.lists(
    st.tuples(
        st.sampled_from(["crash", "boom", "end", "stop", "drain", "resume", "add", "ask", "start", "remove", "wait"]),
        st.sampled_from(PATHS),
        st.integers(0, 12),
    ),
    max_size=25,
)


class Frail(Traced):
    """Fails its first starts."""

    def __init__(self, name: str, trace: list[str], failures: dict[str, int]) -> None:
        super().__init__(name, trace)
        self._failures = failures

    def on_start(self) -> None:
        super().on_start()
        if self._failures.get(self._name, 0) > 0:
            self._failures[self._name] -= 1
            raise ValueError("not yet")


def grow(system: System, plan: Plan, trace: list[str]) -> None:
    """Start the tree; it may take its time."""
    backoff = Backoff(base_s=plan.base_s)

    def leaf(name: str) -> ChildSpec:
        return ChildSpec(
            name,
            lambda: Frail(name, trace, plan.start_failures),
            restart=plan.restarts[name],  # type: ignore[arg-type]
            budget=Budget(plan.budget, 60.0),
            on_exhausted="escalate" if plan.escalates[name] else "park",
        )

    def inner() -> Supervisor:
        return Supervisor([leaf("x"), leaf("y"), leaf("z")], plan.inner, backoff=backoff)

    inner_spec = ChildSpec(
        "inner",
        inner,
        budget=Budget(plan.budget, 60.0),
        on_exhausted="escalate" if plan.escalates["inner"] else "park",
    )

    def top() -> Supervisor:
        return Supervisor([leaf("a"), inner_spec, leaf("b")], plan.outer, backoff=backoff)

    root = system._root.actor
    assert isinstance(root, Supervisor)
    reply = system.core.reply(None)
    system.core.put_control(root._cell, root._admit, ChildSpec("top", top, budget=Budget(100, 60.0)))
    reply.set(None)


def trouble(system: System, kind: str, path: str, number: int, asked: list) -> None:
    """Do one bad thing."""
    address = system.address(path)
    if kind == "crash":
        if system.tree().find(path) is not None:
            system.fail(path)
    elif kind in ("boom", "end", "add"):
        address.tell({"boom": Boom(number), "end": End(), "add": Add()}[kind])
    elif kind in ("stop", "drain"):
        asked.append(address.stop(block=False, drain=kind == "drain"))
    elif kind == "ask" and path[-1] in LEAVES:
        asked.append(address.ask(Read(), block=False))
    elif kind == "start":
        system.address("/top/inner").tell(StartChild(ChildSpec(f"new-{number}", Counter)))
    elif kind == "remove":
        system.address("/top/inner").tell(StopChild(f"new-{number}"))
    elif kind == "resume":
        parent, _, name = path.rpartition("/")
        system.address(parent or "/").tell(ResumeChild(name))
    else:
        system.run_for(number / 10)
    for _ in range(number):
        system.core.step()


@settings(max_examples=400)
@given(plan=plans, troubles=troubles)
def test_any_tree_survives_any_troubles(plan, troubles):
    system = System(dispatcher="simulated", seed=2)
    trace: list[str] = []
    asked: list = []
    grow(system, plan, trace)
    for kind, path, number in troubles:
        try:
            trouble(system, kind, path, number, asked)
        except ActorDeadError:
            continue
    system.run_for(5_000.0)
    for found in system.tree().root.walk():
        below_parked = any(
            system.tree().find(path).state is CellState.PARKED
            for path in ancestors(found.path)
            if system.tree().find(path) is not None
        )
        assert found.state in AT_REST or below_parked, f"{found.path} was forgotten in\n{system.tree()}"
        assert found.queued == 0 or not found.actor or found.state is not CellState.RUNNING
    assert system.stop() is True
    assert all(reply.done for reply in asked)
    for name in LEAVES:
        lines = [line.split()[0] for line in trace if line.split()[1] == name]
        assert lines[::2] == ["start"] * (len(lines) // 2), (name, trace)
        assert "start" not in lines[1::2], (name, trace)
    assert system.tree().root.state is CellState.STOPPED
    assert not system._cells


def ancestors(path: str) -> list[str]:
    """All places above one, nearest first."""
    steps = path.strip("/").split("/")
    return ["/" + "/".join(steps[:count]) for count in range(len(steps) - 1, 0, -1)]
