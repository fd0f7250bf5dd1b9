"""pytest --markers and --fixtures teach, and a marker that would do nothing is said."""

pytest_plugins = ["pytester"]


def test_markers_are_explained(pytester):
    result = pytester.runpytest("--markers")
    result.stdout.fnmatch_lines(
        [
            "@pytest.mark.seeds(count, first=0):*first failing seed*",
            "@pytest.mark.faults(what, ...):*",
            "@pytest.mark.ganglion_config(config):*",
            "@pytest.mark.venue(**settings):*",
            "@pytest.mark.venue_server(**settings):*",
        ]
    )


def test_fixtures_are_explained(pytester):
    result = pytester.runpytest("--fixtures")
    text = result.stdout.str()
    for name, about in {
        "seed": "the seed of this run",
        "clock": "virtual time",
        "venue": "a matching exchange inside the test",
        "venue_server": "a local exchange in its own process",
        "world": "a whole bot with its venues in virtual time",
    }.items():
        assert f"\n{name} -- " in text
        assert about in text.lower()


def test_the_markers_hold_under_strict_markers(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.seeds(2)
        @pytest.mark.venue(symbols=["ETH/USDT"])
        def test_it(seed, venue):
            assert list(venue.markets) == ["ETH/USDT"]
        """
    )
    pytester.runpytest("--strict-markers").assert_outcomes(passed=1)


def test_a_setting_that_does_not_exist_is_said_with_those_that_do(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.venue_server(symbls=["ETH/USDT"])
        def test_server(venue_server): pass

        @pytest.mark.parametrize("venue_server", [{"tick": 5}], indirect=True)
        def test_parameter(venue_server): pass

        @pytest.mark.venue(tick_ms=0)
        def test_venue(venue): pass

        @pytest.mark.venue(clock=None)
        def test_clock(venue): pass

        def test_another(venue_server):
            venue_server(balance={})

        def test_another_venue(venue):
            venue(symbol="ETH/USDT")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=4, failed=2)
    server = (
        "there are: dialect, symbols, balances, key, secret, seed, tick_ms, maker_fee, taker_fee, enforce_weight, state"
    )
    venue = "there are: symbols, balances, maker_fee, taker_fee, crowd, seed"
    shown = result.stdout.str().splitlines()
    assert f"venue_server: there is no setting 'symbls' (did you mean symbols?); {server}" in shown
    assert any(line.startswith("venue_server: there is no setting 'tick'") for line in shown)
    assert f"venue: there is no setting 'tick_ms'; {venue}" in shown
    assert f"venue: there is no setting 'clock'; {venue}" in shown
    assert f"venue_server: there is no setting 'balance' (did you mean balances?); {server}" in shown
    assert f"venue: there is no setting 'symbol' (did you mean symbols?); {venue}" in shown


def test_a_marker_without_its_fixture_is_refused(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.faults("reply_lost")
        def test_faults(venue):
            pass

        @pytest.mark.venue(crowd=True)
        def test_venue():
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*hurt by venue_server.control.fault*"])
    result.stdout.fnmatch_lines(["*does not use the fixture venue*"])
