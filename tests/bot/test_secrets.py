"""Secrets are shown nowhere."""

import copy
import pickle

import pytest

from ganglion.bot.errors import ConfigError
from ganglion.bot.secrets import Reference, Scrubber, Secret, SecretError, parse_reference, read_secret
from tests.bot.samples import ENVIRONMENT, GOOD, parsed

VALUE = "hush-0123456789"
SECRET = Secret(VALUE, Reference("env", "ALPHA_SECRET"))


def test_a_secret_prints_as_its_reference():
    for text in (repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET:>40}", repr([SECRET]), repr({"a": SECRET})):
        assert VALUE not in text
        assert "env:ALPHA_SECRET" in text
    assert SECRET.reveal() == VALUE


def test_a_secret_can_not_be_pickled_or_deeply_copied():
    for way in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError) as error:
            way(SECRET)
        assert VALUE not in str(error.value)


def test_a_configuration_shows_no_secret_wherever_it_is_printed():
    config = parsed()
    shown = repr(config) + str(config) + repr(config.exchanges["alpha"].table.model_dump())
    for value in ENVIRONMENT.values():
        assert value not in shown


def test_secrets_come_from_the_environment_or_from_a_file(tmp_path):
    (tmp_path / "key").write_text(VALUE + "\n")
    assert read_secret(parse_reference("file:key"), tmp_path, {}).reveal() == VALUE
    assert read_secret(parse_reference("env:KEY"), tmp_path, {"KEY": VALUE}).reveal() == VALUE


@pytest.mark.parametrize(
    ("reference", "said"),
    [("env:NOT_SET", "NOT_SET is not set"), ("file:nowhere", "No such file"), ("env:EMPTY", "is empty")],
)
def test_a_secret_that_is_not_there_says_where_it_was_looked_for(tmp_path, reference, said):
    with pytest.raises(SecretError, match=said):
        read_secret(parse_reference(reference), tmp_path, {"EMPTY": "  "})


@pytest.mark.parametrize("written", [VALUE, f"plain:{VALUE}", "env:", VALUE + ":env"])
def test_a_secret_written_into_the_configuration_is_refused_and_not_repeated(written):
    with pytest.raises(ConfigError) as error:
        parsed(GOOD.replace("env:ALPHA_SECRET", written))
    assert "exchanges.alpha.credentials.secret" in str(error.value)
    assert VALUE not in str(error.value)


def test_a_missing_variable_is_a_problem_with_its_place():
    with pytest.raises(ConfigError, match=r"exchanges\.alpha\.credentials\.key: .* OTHER is not set"):
        parsed(GOOD.replace("env:ALPHA_KEY", "env:OTHER"))


def test_texts_are_scrubbed_of_every_secret_the_longest_first():
    long, short = Secret("abcdef", Reference("env", "A")), Secret("abcd", Reference("env", "B"))
    assert Scrubber([short, long]).scrub("x abcdef y abcd z") == "x *** y *** z"


def test_a_secret_of_several_lines_is_scrubbed_from_json_too():
    key = Secret("-----BEGIN-----\nabc\n-----END-----", Reference("file", "key.pem"))
    assert Scrubber([key]).scrub(r'{"k": "-----BEGIN-----\nabc\n-----END-----"}') == '{"k": "***"}'


def test_a_value_too_short_to_be_a_secret_is_left_alone():
    assert Scrubber([Secret("k", Reference("env", "A"))]).scrub("kraken") == "kraken"
