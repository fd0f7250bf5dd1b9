"""The fixture `world`: a whole bot in virtual time, from the marks of the test and its seed."""

import time
from pathlib import Path

import pytest

from ganglion.simulation.faults import Fault, FaultKind, Faults

pytest_plugins = ["pytester"]
SMALL = Path(__file__).with_name("small_project") / "bot.toml"
WRONG = """
    def go_wrong(world):
        account = world.exchanges["alpha"].account
        world.run(seconds=30)
        account.balances["BTC"].free += 1  # appears out of nothing, and no one is told
        world.settle()
"""


def small(pytester, text):
    """A project with the small configuration and a test."""
    pytester.path.joinpath("bot.toml").write_text(SMALL.read_text())
    pytester.makepyfile("import pytest\n" + "\n".join(line.removeprefix("    ") for line in text.splitlines()))


@pytest.mark.ganglion_config(SMALL)
def test_the_bot_of_the_configuration_trades_in_it(world):
    world.run(minutes=2)
    assert world.now_s == 120
    assert list(world.exchanges) == ["alpha"]
    assert world.exchanges["alpha"].account.orders


def test_without_a_configuration_it_is_that_of_the_default_campaign(world):
    assert list(world.exchanges) == ["alpha", "beta"]


@pytest.mark.ganglion_config(SMALL)
def test_its_clock_is_the_clock_in_the_middle_of_a_run_too(world, clock):
    seen = []
    for when_s in (0.001, 12.345, 59.999):
        world.timeline.call_at(when_s, lambda: seen.append((time.time_ns() // 1_000_000, world.timeline.now_ms())))
    world.run(minutes=1)
    assert len(seen) == 3
    assert all(told == true for told, true in seen)
    assert clock.now_s == world.now_s == 60
    clock.advance(60)
    assert world.now_s == 120
    assert clock.now_ms == world.timeline.now_ms() == time.time_ns() // 1_000_000


@pytest.mark.ganglion_config(SMALL)
def test_a_clock_that_comes_later_is_the_worlds_too(world, request):
    world.run(seconds=30)
    clock = request.getfixturevalue("clock")
    assert clock.now_s == 30


@pytest.mark.ganglion_config(SMALL)
@pytest.mark.faults(Faults.of([Fault(at_s=20.0, kind=FaultKind.STREAM_DOWN, target="alpha", seconds=5.0)]))
def test_a_list_of_faults_is_taken_as_it_is(world):
    world.run(minutes=1)
    assert [fault.kind for fault in world.plan] == [FaultKind.STREAM_DOWN]
    assert world.coverage["fault:stream_down"]
    world.heal().settle()


@pytest.mark.ganglion_config(SMALL)
@pytest.mark.seeds(2)
@pytest.mark.faults("reply_lost", "ban")
def test_named_kinds_and_no_others_go_wrong(world):
    world.run(minutes=20)
    kinds = {fault.kind for fault in world.plan}
    assert kinds
    assert kinds <= {FaultKind.REPLY_LOST, FaultKind.BAN}


@pytest.mark.ganglion_config(SMALL)
@pytest.mark.seeds(3)
@pytest.mark.faults("swarm", "port", "-ban")
def test_a_swarm_can_be_of_some_kinds(world):
    world.run(minutes=5)
    assert FaultKind.BAN not in {fault.kind for fault in world.plan}


def test_each_seed_has_a_world_of_its_own_and_the_same_seed_the_same_world(pytester):
    small(
        pytester,
        """
    hashes = {}

    @pytest.mark.ganglion_config("bot.toml")
    @pytest.mark.faults("swarm")
    @pytest.mark.seeds(3)
    @pytest.mark.parametrize("time", [1, 2])
    def test_it(world, seed, time):
        world.run(minutes=1)
        found = world.trace_hash
        assert hashes.setdefault(seed, found) == found

    def test_they_differ():
        assert len(set(hashes.values())) == 3
    """,
    )
    pytester.runpytest().assert_outcomes(passed=3)


def test_a_failure_says_the_seed_and_what_went_wrong_in_its_world(pytester):
    small(
        pytester,
        """
    @pytest.mark.ganglion_config("bot.toml")
    @pytest.mark.faults("reply_lost")
    @pytest.mark.seeds(3)
    def test_it(world, seed):
        world.run(minutes=30)
        assert seed < 1
    """,
    )
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(
        [
            "seed 1 failed (number 2 of 3, the first that did); to replay it:",
            "    pytest *::test_it --ganglion-seed 1",
            "its world: 1800.000 virtual seconds, * steps, trace *",
            "faults that began*:",
            "    * s reply_lost on alpha *",
            "violated: none",
        ]
    )


def test_a_test_whose_world_violated_an_invariant_fails_though_it_did_not_look(pytester):
    small(pytester, WRONG + '\n    @pytest.mark.ganglion_config("bot.toml")\n    def test_it(world): go_wrong(world)\n')
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*violated in the world of seed 0", "violated:", "    I? alpha at * s, step *"])


def test_one_that_looked_and_failed_is_not_told_twice(pytester):
    small(
        pytester,
        WRONG
        + """
    @pytest.mark.ganglion_config("bot.toml")
    def test_it(world):
        go_wrong(world)
        assert not world.violations
    """,
    )
    pytester.runpytest().assert_outcomes(failed=1)


def test_the_engines_log_is_shown_when_a_seed_is_replayed(pytester):
    small(pytester, '    @pytest.mark.ganglion_config("bot.toml")\n    def test_it(world): world.run(seconds=5)\n')
    assert "new_journal_begun" not in pytester.runpytest("-s").stdout.str()
    assert "new_journal_begun" in pytester.runpytest("-s", "--ganglion-seed", "3").stdout.str()


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ('ganglion_config("none.toml")', "ganglion_config: there is no */none.toml*"),
        ('ganglion_config("wrong.toml")', "*exchanges*there is none*"),
        ('ganglion_config("bot.toml", seed=3)', "*takes one file or one BotConfig*"),
        ('faults("reply_los")', "*no kind of fault is called 'reply_los'; did you mean reply_lost[?]"),
        ("faults(3)", "*one Faults, or names*"),
        ("faults()", '*takes "swarm", names of kinds, or a Faults'),
    ],
)
def test_a_mark_that_cannot_be_is_said_in_a_sentence(pytester, mark, said):
    pytester.path.joinpath("wrong.toml").write_text('[bot]\nname = "wrong"\n')
    small(pytester, f"\n    @pytest.mark.{mark}\n    def test_it(world): pass\n")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_a_configuration_beside_the_test_goes_before_one_in_the_root(pytester):
    below = pytester.mkdir("below")
    text = SMALL.read_text()
    (pytester.path / "bot.toml").write_text(text.replace("alpha", "of-the-root"))
    (pytester.path / "other.toml").write_text(text.replace("alpha", "other"))
    (below / "bot.toml").write_text(text)
    (below / "test_it.py").write_text(
        "import pytest\n"
        '@pytest.mark.ganglion_config("bot.toml")\n'
        'def test_beside(world): assert list(world.exchanges) == ["alpha"]\n'
        '@pytest.mark.ganglion_config("other.toml")\n'
        'def test_root(world): assert list(world.exchanges) == ["other"]\n'
    )
    pytester.runpytest(f"--rootdir={pytester.path}").assert_outcomes(passed=2)
