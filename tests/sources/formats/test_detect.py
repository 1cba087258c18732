from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from sources.formats import FORMATS, detect
from tests.sources.formats.lines import names, table

pytestmark = pytest.mark.unit

JUNK = ("no format at all", "another one of those", "and a third")
TRACE = (
    "Traceback (most recent call last):",
    '  File "shop.py", line 7, in pay',
    "    raise Refused",
    "shop.RefusedError: card",
)


def sample(name, count=20):
    """Return lines of a format's table, over and over."""
    lines = [row.line for row in table(name)]
    if name == "csv":
        return lines + lines[1:]
    return list(itertools.islice(itertools.cycle(lines), count))


@pytest.mark.parametrize("name", names())
def test_a_sample_of_twenty_lines_is_enough(name):
    assert detect(sample(name)).format_name == name


@pytest.mark.parametrize("name", names())
def test_a_whole_file_is_recognised_by_its_first_lines(name):
    assert detect(sample(name, 1000)).format_name == name


# A W3C header decides over the lines behind it, and a leading number is a time only
# once it is known when it arrived.
UNSTEADY = {"raw", "csv", "w3c", "timestamped"}


@pytest.mark.parametrize("name", sorted(set(names()) - UNSTEADY))
def test_a_format_is_recognised_among_a_quarter_of_other_lines(name):
    mixed = sample(name, 15) + list(JUNK) + list(JUNK[:2])

    detection = detect(mixed)

    assert detection.format_name == name
    assert (detection.matched, detection.total) == (15, 20)
    assert detection.unmatched_examples == JUNK + JUNK[:2]


def test_confidence_is_the_share_of_matching_lines():
    assert detect(sample("json", 15) + list(JUNK) + list(JUNK[:2])).confidence == 0.75


def test_stack_traces_do_not_count():
    lines = [*sample("python", 4), *TRACE, *sample("python", 2), *TRACE, *TRACE]

    detection = detect(lines)

    assert (detection.format_name, detection.confidence) == ("python", 1.0)
    assert detection.total == 6


def test_blank_lines_do_not_count():
    assert detect(["", "  ", *sample("redis", 3), ""]).confidence == 1.0


def test_a_file_of_halves_goes_to_the_larger():
    lines = sample("json", 12) + sample("redis", 8)

    detection = detect(lines)

    assert detection.format_name == "json"
    assert detection.alternatives == (("redis", 0.4),)


@pytest.mark.parametrize("lines", [[], [""], ["", " \t"]])
def test_nothing_is_raw_without_any_confidence(lines):
    detection = detect(lines)

    assert (detection.format_name, detection.confidence) == ("raw", 0.0)


def test_what_no_format_matches_well_is_raw():
    detection = detect([*sample("redis", 2), *JUNK])

    assert detection.format_name == "raw"
    assert detection.alternatives == (("redis", 0.4),)


def test_only_continuation_lines_are_still_a_sample():
    assert detect(["  indented", "\tand again"]).format_name == "raw"


def test_colours_of_a_terminal_do_not_hide_a_format():
    line = (
        "\x1b[2m2026-10-10T13:55:36.120345Z\x1b[0m \x1b[32m INFO\x1b[0m shop::cart: x"
    )

    assert detect([line] * 20).format_name == "rust"


def test_a_specific_format_wins_over_a_general_one():
    detection = detect(sample("nginx_error"))

    assert dict(detection.alternatives)["go"] == 1.0


def test_the_reference_describes_every_format():
    reference = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()

    missing = [n for n in FORMATS if f"### `{n}`" not in reference]

    assert missing == []


def test_the_reference_shows_every_example():
    reference = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()

    missing = [n for n, f in FORMATS.items() if f.example not in reference]

    assert missing == []


def test_very_long_lines_make_a_smaller_sample():
    line = '{"a":"' + "x" * 200_000 + '"}'

    detection = detect([line] * 20)

    assert (detection.format_name, detection.total) == ("json", 2)
