"""Faults as data, and the swarm that draws them."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.actors.exchange.error_table import BY_CLASS, Verb
from ganglion.messages.venue.requests import StreamKind
from ganglion.simulation.choices import Choices
from ganglion.simulation.faults import ALL, KINDS, Fault, FaultError, FaultKind, Faults, Site, Sites, Target, read_kinds
from ganglion.simulation.faults.fault import REQUESTS, fault_text
from ganglion.simulation.faults.plausible import plausible_errors
from ganglion.simulation.faults.ranges import RANGES

SITES = Sites(("alpha", "beta"), ("/bot/alpha/orders", "/bot/alpha/portfolio"), ("/bot/alpha",))
HALF_HOUR_S = 1800.0
SWARM = Faults.swarm()
seeds = st.integers(0, 2**32)


def drawn(seed, faults=SWARM, seconds=HALF_HOUR_S, sites=SITES):
    return faults.draw(Choices(seed), seconds, sites)


def test_every_kind_says_what_it_does_and_what_is_drawn_for_it():
    assert list(KINDS) == list(FaultKind) == list(RANGES)
    assert all(info.text.endswith(".") for info in KINDS.values())
    assert {info.site for info in KINDS.values()} == set(Site)


@given(seeds)
@settings(max_examples=30)
def test_a_seed_meets_the_same_faults_every_time(seed):
    assert drawn(seed) == drawn(seed)


@given(seeds, st.sampled_from(ALL))
@settings(max_examples=50)
def test_taking_one_kind_away_moves_no_other(seed, kind):
    without = Faults.swarm([other for other in ALL if other != kind])
    assert drawn(seed, without) == tuple(fault for fault in drawn(seed) if fault.kind != kind)


@given(seeds)
@settings(max_examples=50)
def test_faults_come_by_time_within_the_time_and_name_what_is_there(seed):
    plan = drawn(seed)
    assert [fault.at_s for fault in plan] == sorted(fault.at_s for fault in plan)
    for fault in plan:
        assert 0 <= fault.at_s < HALF_HOUR_S
        assert fault.target in SITES.of(KINDS[fault.kind].target)
        assert fault.requests in REQUESTS
        assert fault.stream in {"*", *StreamKind}
        assert fault.times >= 1
        assert fault.seconds >= 0


@given(seeds)
@settings(max_examples=30)
def test_a_fault_survives_its_way_through_json(seed):
    plan = drawn(seed)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=tuple[Fault, ...]) == plan


def test_seeds_differ_in_kind_and_have_from_none_to_some_dozens_of_faults():
    plans = [drawn(seed) for seed in range(300)]
    sizes = sorted(len(plan) for plan in plans)
    assert sizes[0] < 8
    assert 30 < sizes[-1] < 90
    kinds = Counter(len({fault.kind for fault in plan}) for plan in plans)
    assert min(kinds) < 5
    assert max(kinds) > 9
    assert {fault.kind for plan in plans for fault in plan} == set(ALL)


def test_a_bot_is_stopped_about_twice_in_ten_minutes_at_most():
    stops = {FaultKind.KILL, FaultKind.POWER_LOSS}
    for seed in range(300):
        times = [fault.at_s for fault in drawn(seed, Faults.only(*stops)) if fault.kind in stops]
        for first, third in zip(times, times[2:], strict=False):
            assert third - first > 500


def test_a_world_without_actors_to_crash_meets_no_crash():
    plan = drawn(1, Faults.only(FaultKind.ACTOR_CRASH, FaultKind.KILL), sites=Sites(("alpha",)))
    assert {fault.kind for fault in plan} <= {FaultKind.KILL}


def test_only_meets_its_kinds_in_every_seed_that_is_long_enough():
    plans = [drawn(seed, Faults.only("reply_lost", FaultKind.BAN), seconds=50_000) for seed in range(20)]
    assert all({fault.kind for fault in plan} == {FaultKind.REPLY_LOST, FaultKind.BAN} for plan in plans)


def test_given_faults_are_taken_as_they_are_by_time():
    late, early = Fault(at_s=9, kind=FaultKind.KILL), Fault(at_s=1, kind=FaultKind.BAN, target="alpha", seconds=3)
    assert drawn(1, Faults.of([late, early])) == (early, late)


def test_nothing_goes_wrong_where_nothing_should():
    assert drawn(1, Faults.none()) == drawn(1, Faults.of([])) == ()


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize("requests", ["place", "cancel", "query", "market"])
def test_a_refusal_is_a_class_of_the_error_table_that_can_happen_there(requests):
    names = set(plausible_errors(requests, after=False))
    assert {"RequestTimeout", "AuthenticationError", "RateLimitExceeded"} <= names <= set(BY_CLASS)
    assert not names & {"TypeError", "ArgumentsRequired", "MarginModeAlreadySet", "ActorDeadError"}


def test_no_place_that_was_applied_is_answered_with_proof_of_the_contrary():
    for name in plausible_errors("place", after=True):
        cell = BY_CLASS[name].place
        assert Verb.RECONCILE in cell.verbs
        assert not {Verb.REJECT, Verb.DENY} & {*cell.verbs, *cell.after}


def test_classes_that_end_trading_are_rarer_than_those_it_goes_on_after():
    names = Counter(plausible_errors("place", after=False))
    assert names["RequestTimeout"] > names["AccountSuspended"] > 0


def test_only_errors_have_a_class():
    plan = drawn(5, Faults.only("error", "error_after", "html"), seconds=50_000)
    assert all(bool(fault.error) == (fault.kind in {FaultKind.ERROR, FaultKind.ERROR_AFTER}) for fault in plan)


# ------------------------------------------------------------------ as people write them


def test_kinds_are_chosen_by_name_by_site_and_by_what_is_left_out():
    assert read_kinds(["kill", " ban"]) == (FaultKind.BAN, FaultKind.KILL)
    assert read_kinds(["disk"]) == tuple(kind for kind in ALL if KINDS[kind].site == Site.DISK)
    assert read_kinds(["-kill"]) == tuple(kind for kind in ALL if kind != FaultKind.KILL)
    assert FaultKind.KILL not in read_kinds(["process", "-kill"])
    assert read_kinds([]) == ALL


def test_a_wrong_name_is_told_with_the_nearest_right_one():
    with pytest.raises(FaultError, match="did you mean reply_lost"):
        read_kinds(["repl_lost"])
    with pytest.raises(FaultError, match="leaves no kind"):
        read_kinds(["kill", "-kill"])


def test_a_fault_is_told_in_one_line():
    fault = Fault(at_s=12.5, kind=FaultKind.ERROR, target="alpha", requests="place", error="BadSymbol", times=2)
    assert fault_text(fault) == "12.500 s error on alpha requests place error BadSymbol 2 times"


def test_every_target_is_found_in_the_sites():
    assert SITES.of(Target.BOT) == ("",)
    assert SITES.of(Target.SUPERVISOR) == ("/bot/alpha",)
