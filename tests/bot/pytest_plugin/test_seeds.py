"""@pytest.mark.seeds: one test, many seeds, and the line that shows the first failing one again."""

pytest_plugins = ["pytester"]

FAILS_AT_SEVEN = """
import pytest

@pytest.mark.seeds(20)
def test_it(seed):
    assert seed < 7
"""


def test_a_test_runs_once_for_each_seed_and_counts_as_one(pytester):
    pytester.makepyfile(
        """
        import pytest
        seen = []

        @pytest.mark.seeds(20)
        def test_it(seed):
            seen.append(seed)

        def test_what_it_saw():
            assert seen == list(range(20))
        """
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_the_first_failing_seed_is_reported_with_the_line_that_replays_it(pytester):
    pytester.makepyfile(test_f=FAILS_AT_SEVEN)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "seed 7 failed (number 8 of 20, the first that did); to replay it:",
            "    pytest test_f.py::test_it --ganglion-seed 7",
        ]
    )


def test_the_line_runs_that_seed_and_no_other(pytester):
    pytester.makepyfile(test_f=FAILS_AT_SEVEN)
    result = pytester.runpytest("test_f.py::test_it", "--ganglion-seed", "7")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["seed 7 failed; to replay it:"])
    pytester.runpytest("test_f.py::test_it", "--ganglion-seed", "6").assert_outcomes(passed=1)


def test_the_line_names_a_test_whose_name_a_shell_would_tear_apart(pytester):
    pytester.makepyfile(
        test_f="""
        import pytest

        @pytest.mark.seeds(2)
        @pytest.mark.parametrize("what", ["a b"])
        def test_it(seed, what):
            assert False
        """
    )
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["*pytest 'test_f.py::test_it[[]a b[]]' --ganglion-seed 0"])


def test_the_line_starts_where_pytest_was_started(pytester, monkeypatch):
    pytester.makepyfile(test_f=FAILS_AT_SEVEN)
    monkeypatch.chdir(pytester.mkdir("below"))
    result = pytester.runpytest("../test_f.py", f"--rootdir={pytester.path}")
    result.stdout.fnmatch_lines(["    pytest ../test_f.py::test_it --ganglion-seed 7"])


def test_the_count_can_be_overridden(pytester):
    pytester.makepyfile(test_f=FAILS_AT_SEVEN)
    pytester.runpytest("--ganglion-seeds", "7").assert_outcomes(passed=1)
    pytester.runpytest("--ganglion-seeds", "8").assert_outcomes(failed=1)


def test_seeds_can_begin_elsewhere(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.seeds(3, first=100)
        def test_it(seed):
            assert seed < 102
        """
    )
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["seed 102 failed (number 3 of 3, the first that did); to replay it:"])


def test_every_seed_gets_fresh_fixtures_and_the_module_keeps_its_own(pytester):
    pytester.makepyfile(
        """
        import pytest
        made = {"module": 0, "test": 0, "ended": 0}

        @pytest.fixture(scope="module")
        def shared():
            made["module"] += 1
            yield
            assert made["test"] == made["ended"] == 5

        @pytest.fixture
        def own(seed, tmp_path):
            made["test"] += 1
            yield seed * 2
            made["ended"] += 1

        class TestIt:
            @pytest.mark.seeds(5)
            def test_it(self, shared, seed, own, tmp_path):
                assert own == 2 * seed
                assert not list(tmp_path.iterdir())
                (tmp_path / "left").touch()

        def test_after(shared):
            assert made == {"module": 1, "test": 5, "ended": 5}
        """
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_a_failing_seed_leaves_nothing_up_that_the_next_test_does_not_need(pytester):
    pytester.makepyfile(
        test_a="""
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            yield
            print("taken down")

        @pytest.mark.seeds(5)
        def test_it(seed, shared):
            assert seed < 3
        """,
        test_b="def test_next(): pass",
    )
    result = pytester.runpytest("-s")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*taken down*"])


def test_a_module_fixture_that_fails_after_a_failing_seed_is_an_error_of_its_own(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            yield
            raise OSError("could not be taken down")

        @pytest.mark.seeds(5)
        def test_it(seed, shared):
            assert seed < 3
        """
    )
    pytester.runpytest().assert_outcomes(failed=1, errors=1)


def test_a_fixture_that_fails_for_a_seed_names_it(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def own(seed):
            assert seed < 2
            yield

        @pytest.mark.seeds(5)
        def test_it(own, seed):
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--ganglion-seed 2"])


def test_a_seed_may_skip_and_the_others_still_run(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.seeds(5)
        def test_it(seed):
            if seed in {0, 4}:
                pytest.skip("nothing to see")

        @pytest.mark.seeds(5)
        def test_fails_behind_a_skip(seed):
            if seed < 3:
                pytest.skip("nothing to see")
            assert seed < 4

        @pytest.mark.skip
        @pytest.mark.seeds(5)
        def test_skipped(seed):
            assert False

        @pytest.mark.xfail(strict=True)
        @pytest.mark.seeds(5)
        def test_expected(seed):
            assert seed < 3
        """
    )
    pytester.runpytest().assert_outcomes(passed=1, failed=1, skipped=1, xfailed=1)


def test_without_the_marker_there_is_one_seed(pytester):
    pytester.makepyfile("def test_it(seed): assert seed == 0")
    pytester.runpytest().assert_outcomes(passed=1)
    result = pytester.runpytest("--ganglion-seed", "5")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*--ganglion-seed 5"])


def test_seeds_of_a_test_that_never_looks_at_one_are_refused(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.seeds(5)
        def test_it():
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*without one all runs would be the same*"])


def test_a_marker_that_is_written_wrong_is_refused(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.seeds
        def test_none(seed):
            pass

        @pytest.mark.seeds("many")
        def test_text(seed):
            pass

        @pytest.mark.seeds(0)
        def test_nothing(seed):
            pass

        @pytest.mark.seeds(5, last=9)
        def test_unknown(seed):
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["*takes a count of 1 or more*"])


def test_options_that_contradict_each_other_are_refused(pytester):
    result = pytester.runpytest("--ganglion-seed", "1", "--ganglion-seeds", "5")
    result.stderr.fnmatch_lines(["*give one of them*"])
    assert pytester.runpytest("--ganglion-seeds", "0").ret != 0


def test_seeds_run_and_report_under_xdist(pytester):
    pytester.makepyfile(test_f=FAILS_AT_SEVEN, test_g=FAILS_AT_SEVEN.replace("7", "70"))
    result = pytester.runpytest_subprocess("-n", "2", "--strict-markers")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["    pytest test_f.py::test_it --ganglion-seed 7"])


def test_a_test_stops_at_the_first_failing_seed_under_maxfail(pytester):
    pytester.makepyfile(test_f=FAILS_AT_SEVEN, test_g="def test_never(): pass")
    pytester.runpytest("-x").assert_outcomes(failed=1)


def test_the_whole_time_of_all_seeds_is_the_time_of_the_test(pytester):
    pytester.makepyfile(
        """
        import pytest, time

        @pytest.mark.seeds(4)
        def test_it(seed):
            end = time.perf_counter() + 0.05
            while time.perf_counter() < end:
                pass
        """
    )
    (report,) = [r for r in pytester.inline_run().getreports("pytest_runtest_logreport") if r.when == "call"]
    assert report.duration >= 0.2
