"""docs/projection.md says what is there: every table, column and view, and queries that run."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ganglion.bot.projection.database import FILE
from ganglion.bot.projection.exporting import WHAT
from ganglion.bot.projection.schema import META, TABLES
from ganglion.bot.projection.views import VIEWS
from tests.actors.trading.evidence import answered, order, started, trade
from tests.bot.projection.stage import Journal, r

DOCS = (Path(__file__).parents[3] / "docs" / "projection.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", DOCS, re.MULTILINE | re.DOTALL))
QUERIES = re.findall(r"```sql\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture
def connection(tmp_path):
    journal = Journal(tmp_path)
    journal.write(*started(), answered(order()), r.TradeEvidence(trade(client_id="c1")))
    journal.project()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        yield connection
    journal.log.close()


def columns_of(connection, name):
    return [column[0] for column in connection.execute(f"SELECT * FROM {name}").description]  # noqa: S608


def test_the_documented_tables_and_views_are_the_real_ones(connection):
    real = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    assert set(SECTIONS) == real == {known.name for known in (*TABLES, *VIEWS)}


@pytest.mark.parametrize("name", [table.name for table in TABLES])
def test_the_documented_columns_of_a_table_are_the_real_ones(connection, name):
    documented = re.findall(r"^\| (\w+) \|", SECTIONS[name], re.MULTILINE)
    real = columns_of(connection, name)
    assert documented[0] == "column"
    assert documented[1:] == real


@pytest.mark.parametrize("name", [view.name for view in VIEWS])
def test_the_documented_columns_of_a_view_are_the_real_ones(connection, name):
    documented = re.findall(r"`(\w+)`", SECTIONS[name].partition("Columns:")[2])
    assert documented == columns_of(connection, name)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_docs_runs(connection, query):
    connection.execute(query).fetchall()


def test_every_table_can_be_exported():
    assert set(WHAT) == {table.name for table in TABLES if table is not META} | {"records"}
