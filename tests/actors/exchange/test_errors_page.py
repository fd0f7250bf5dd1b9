"""docs/errors.md shows the data as it is."""

from tests.actors.exchange.render_errors import PAGE, rendered


def test_the_page_about_errors_shows_the_tables_as_they_are() -> None:
    page = PAGE.read_text()
    hint = "run python -m tests.actors.exchange.render_errors"
    assert page == rendered(page), hint
