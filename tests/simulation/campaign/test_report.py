"""What a campaign adds up to."""

from ganglion.simulation.campaign import Failure, Outcome, Recipe, Tally, Violated, markdown
from ganglion.simulation.faults import Fault, FaultKind


def tallied():
    tally = Tally(wall_s=2.0)
    for seed, lost in ((1, 3), (2, 0)):
        coverage = {"fault:reply_lost": lost, "fault:kill": 0, "reconciled": 0}
        tally.add(
            Outcome(
                recipe=Recipe(seed=seed),
                coverage=coverage,
                steps=500,
                book_events=100,
                virtual_s=1800,
                wall_s=1.5,
                parts={"actors/market": 3, "simulation/venue": 1},
            )
        )
    return tally


def test_counters_are_added_over_seeds():
    tally = tallied()
    assert (tally.seeds, tally.steps, tally.virtual_s, tally.worker_s) == (2, 1000, 3600, 3.0)
    assert tally.met["fault:reply_lost"] == 3
    assert tally.seeds_with["fault:reply_lost"] == 1


def test_what_was_never_met_leaves_out_the_kinds_that_nobody_asked_for():
    tally = tallied()
    assert tally.never_met(FaultKind) == ("fault:kill", "reconciled")
    assert tally.never_met([FaultKind.REPLY_LOST]) == ("reconciled",)
    assert tally.asked([FaultKind.REPLY_LOST]) == ("fault:reply_lost", "reconciled")


def test_speed_and_parts_are_told_in_a_line_each():
    tally = tallied()
    assert tally.speed_text() == "2 seeds in 2.0 s (1.00/s), 1.00 virtual hours, 100 book events/s, 500 messages/s"
    assert tally.parts_text() == "actors/market 75%, simulation/venue 25%"
    assert Tally().parts_text() == "too short to say"


def test_the_report_has_violations_with_the_line_that_replays_them_and_all_counters():
    tally = tallied()
    violated = Violated(invariant="I3", account="alpha", text="two orders", at_s=12.5, step=99)
    small = Recipe(seed=2, seconds=13, faults=(Fault(at_s=1, kind=FaultKind.REPLY_LOST, target="alpha"),))
    tally.failures.append(Failure(Recipe(seed=2), violated, trace="Traceback: x", corpus="c.json", small=small))
    text = markdown(tally, "Campaign", FaultKind, lambda failure: f"replay {failure.recipe.seed}")
    assert "### Seed 2: I3" in text
    assert "I3 alpha at 12.500 s, step 99: two orders" in text
    assert "Replay: `replay 2`" in text
    assert "- 1.000 s reply_lost on alpha" in text
    assert "| fault:kill **never** | 0 | 0 |" in text
    assert "| actors/market | 75.0% |" in text


def test_the_report_of_a_campaign_that_was_interrupted_says_so_and_does_not_call_the_rest_well():
    text = markdown(tallied(), "Campaign", FaultKind, lambda failure: "", interrupted="Interrupted after 2 of 9.")
    assert "\n\nInterrupted after 2 of 9.\n\n## Violations\n\nNone in the worlds that have run." in text


def test_a_campaign_without_violations_says_so():
    assert "## Violations\n\nNone." in markdown(tallied(), "Campaign", FaultKind, lambda failure: "")
