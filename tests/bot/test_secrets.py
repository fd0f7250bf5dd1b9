"""Secrets are shown nowhere."""

import copy
import pickle
from pathlib import Path

import pytest

from ganglion.bot.config import parse
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


def scrubber(*values: str, names: tuple[str, ...] = ()) -> Scrubber:
    return Scrubber([Secret(value, Reference("env", "A")) for value in values], names=names)


def test_a_short_secret_is_hidden_as_a_whole_token_only():
    scrub = scrubber("demo").scrub
    assert scrub("the key demo, 'demo' or key=demo&x was refused") == "the key ***, '***' or key=***&x was refused"
    assert scrub("demos of democracy in my_demo and demo-maker") == "demos of democracy in my_demo and demo-maker"


@pytest.mark.parametrize("text", ["81234.5", "0.1234", "1234.5", "12345", "x1234"])
def test_a_secret_of_digits_is_not_hidden_inside_a_number(text):
    assert scrubber("1234").scrub(text) == text
    assert scrubber("1234").scrub(f"uid 1234 and {text}.") == f"uid *** and {text}."


def test_a_long_secret_of_digits_is_not_hidden_inside_a_number():
    assert scrubber("123456789").scrub("0.1234567890 of uid 123456789") == "0.1234567890 of uid ***"


def test_a_short_secret_leaves_the_keys_and_numbers_of_json_alone():
    text = '{"demo": {"text": "demo said \\"demo\\""}, "1234" : 1234, "total": "1234", "why": "uid 1234"}'
    hidden = '{"demo": {"text": "*** said \\"***\\""}, "1234" : 1234, "total": "1234", "why": "uid ***"}'
    assert scrubber("demo", "1234").scrub(text) == hidden


def test_what_the_configuration_uses_as_a_name_is_not_hidden():
    assert scrubber("demo", "alpha-exchange", names=("demo", "alpha-exchange")).scrub("demo, alpha-exchange") == (
        "demo, alpha-exchange"
    )
    text = GOOD.replace("exchanges.alpha", "exchanges.demo").replace('exchange = "alpha"', 'exchange = "demo"')
    config = parse(text, Path("bot.toml"), ENVIRONMENT | {"ALPHA_KEY": "demo"})
    assert config.scrubber.scrub(f"demo: {ENVIRONMENT['ALPHA_SECRET']}") == "demo: ***"


def test_the_problems_of_a_configuration_show_no_secret_that_was_read(tmp_path):
    (tmp_path / "own.py").write_text(f"raise ValueError('{ENVIRONMENT['ALPHA_SECRET']}')\n")
    with pytest.raises(ConfigError) as error:
        parsed(GOOD.replace('mode = "grid"', 'mode = "own.py:Own"'), tmp_path)
    assert "ValueError: ***" in str(error.value)
    assert all(ENVIRONMENT["ALPHA_SECRET"] not in problem.text for problem in error.value.problems)
