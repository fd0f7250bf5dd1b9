"""Trading modes by name."""

import pytest

from ganglion.actors.modes import BrokenModeError, UnknownModeError, find_mode, known_modes
from ganglion.actors.modes.grid import Grid
from ganglion.actors.modes.market_making import MarketMaking

OWN = """
from ganglion.actors.modes import ModeConfig, TradingMode

class DcaConfig(ModeConfig):
    every_s: float = 60

class Dca(TradingMode[DcaConfig]):
    '''Buys a little now and then.'''

Other = int
"""


def test_the_modes_of_the_house_are_found_by_name():
    assert {"grid", "market_making"} <= set(known_modes())
    assert find_mode("grid").kind is Grid
    assert find_mode("market_making").kind is MarketMaking


def test_a_mode_says_what_it_does_and_what_can_be_set():
    entry = find_mode("grid")
    assert entry.summary == "Keeps one order at every level but the gap."
    assert set(entry.schema()["properties"]) == {"levels", "step_pct", "size_pct", "centre"}


def test_an_unknown_mode_names_the_known_ones_and_the_nearest():
    with pytest.raises(UnknownModeError) as error:
        find_mode("market_makin")
    assert "Did you mean 'market_making'?" in str(error.value)
    assert "grid" in str(error.value)


def test_a_file_beside_the_configuration_is_a_mode_without_packaging(tmp_path):
    (tmp_path / "dca.py").write_text(OWN)
    entry = find_mode("dca.py:Dca", tmp_path)
    assert entry.summary == "Buys a little now and then."
    assert find_mode("dca.py:Dca", tmp_path).kind is entry.kind


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.py:Dca", OWN, "there is no file"),
        ("dca.py:Dcb", OWN, "has no 'Dcb'"),
        ("dca.py:Other", OWN, "no class derived"),
        ("dca.py:Dca", "import nothing_of_that_name", "ModuleNotFoundError"),
    ],
)
def test_a_broken_mode_says_what_is_wrong_with_it(tmp_path, name, text, said):
    (tmp_path / "dca.py").write_text(text)
    with pytest.raises(BrokenModeError) as error:
        find_mode(name, tmp_path)
    assert said in str(error.value)


def test_a_file_that_ends_the_process_when_it_is_imported_ends_only_its_own_mode(tmp_path):
    (tmp_path / "script.py").write_text("raise SystemExit(3)")
    with pytest.raises(BrokenModeError, match=r"script\.py can't be imported: SystemExit: 3"):
        find_mode("script.py:Own", tmp_path)
