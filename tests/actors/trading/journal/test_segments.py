"""What a segment's bytes mean: whole frames come back, a torn end is told from damage, zeros are no frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.trading.journal.segments import (
    FORMAT,
    MAGIC,
    Entry,
    Header,
    Kind,
    batch_frame,
    frame,
    header_frame,
    name_of,
    number_of,
    scan,
)

NAME = name_of(1)
HEADER = Header(MAGIC, FORMAT, b"r" * 16, "bot", 1, 1_000, {"alpha": 1})
ENTRIES = st.builds(
    Entry,
    st.sampled_from(["alpha", "beta", ""]),
    st.integers(0, 2**40),
    st.binary(max_size=80),
    st.sampled_from(Kind),
)
BATCHES = st.lists(st.lists(ENTRIES, min_size=1, max_size=5), max_size=5)


def segment(batches):
    return header_frame(HEADER) + b"".join(map(batch_frame, batches))


@given(BATCHES)
def test_what_was_framed_is_read_back(batches):
    data = segment(batches)
    found = scan(data, NAME, last=True)
    assert found.flaw is None
    assert found.header == HEADER
    assert found.entries == [entry for batch in batches for entry in batch]
    assert found.end == len(data)


@given(BATCHES, st.lists(ENTRIES, min_size=1, max_size=5), st.data())
def test_a_batch_that_was_cut_anywhere_is_torn_and_wholly_gone(batches, last, data):
    whole = segment(batches)
    torn = batch_frame(last)
    found = scan(whole + torn[: data.draw(st.integers(1, len(torn) - 1))], NAME, last=True)
    assert found.flaw.torn
    assert found.end == found.flaw.offset == len(whole)
    assert found.entries == [entry for batch in batches for entry in batch]


@given(BATCHES, st.integers(1, 200))
def test_zeros_at_the_end_are_no_frame_but_a_torn_write(batches, zeros):
    whole = segment(batches)
    found = scan(whole + bytes(zeros), NAME, last=True)
    assert found.flaw.torn
    assert found.end == len(whole)


@given(st.lists(st.lists(ENTRIES, min_size=1, max_size=5), min_size=2, max_size=5), st.data())
def test_a_bit_that_turned_over_before_the_last_batch_is_damage_and_names_its_place(batches, data):
    whole = bytearray(segment(batches))
    end = len(whole) - len(batch_frame(batches[-1]))
    place = data.draw(st.integers(0, end - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    found = scan(bytes(whole), NAME, last=True)
    assert not found.flaw.torn
    assert found.flaw.offset <= place
    assert NAME in str(found.flaw)


@given(BATCHES, st.lists(ENTRIES, min_size=1, max_size=5), st.data())
def test_what_would_be_a_torn_end_is_damage_in_any_segment_but_the_newest(batches, last, data):
    torn = batch_frame(last)
    cut = data.draw(st.integers(1, len(torn) - 1))
    found = scan(segment(batches) + torn[:cut], NAME, last=False)
    assert not found.flaw.torn


@given(st.binary(max_size=200))
def test_bytes_that_are_no_journal_are_read_as_nothing(data):
    found = scan(data, NAME, last=True)
    assert found.header is None
    assert not found.entries


def test_an_intact_frame_that_is_no_batch_is_damage_even_at_the_end():
    found = scan(header_frame(HEADER) + frame(b"\x01"), NAME, last=True)
    assert not found.flaw.torn
    assert "another version" in found.flaw.text


def test_a_segment_of_another_format_is_refused_by_its_number():
    found = scan(header_frame(Header(MAGIC, 99, b"r" * 16, "bot", 1, 0, {})), NAME, last=True)
    assert "format 99" in found.flaw.text


def test_reading_goes_on_where_it_had_stopped():
    first, second = [Entry("alpha", 1, b"one")], [Entry("alpha", 2, b"two")]
    end = scan(segment([first]), NAME, last=True).end
    assert scan(segment([first, second]), NAME, last=True, start=end).entries == second


@pytest.mark.parametrize(
    ("name", "number"), [("00000001.log", 1), ("123456789.log", 123456789), ("1.log", None), ("00000001.log.new", None)]
)
def test_only_segments_have_numbers(name, number):
    assert number_of(name) == number
