from __future__ import annotations

import pyarrow as pa
import pytest

from monitoring.telemetry import Level
from sources.formats import levels

pytestmark = pytest.mark.unit


def strings(*values):
    return pa.array(values, pa.large_string())


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("ERROR payment failed", Level.ERROR),
        ("error: no such file", Level.ERROR),
        ("Error!", Level.ERROR),
        ("[warning] careful", Level.WARN),
        ("<info> ready", Level.INFO),
        ("(DEBUG) tick", Level.DEBUG),
        ("a NOTICE to all", Level.INFO),
        ("CRIT disk", Level.FATAL),
        ("critical disk", Level.FATAL),
        ("panic: runtime error", Level.FATAL),
        ("EMERG: x", Level.FATAL),
        ("TRACE deep", Level.TRACE),
        ("INFO an error was repaired", Level.INFO),
        ("it ends with fatal.", Level.FATAL),
        ("level=warn msg=error", Level.WARN),
        ('{"msg":"error","level":"info"}', Level.INFO),
        ("'levelname': 'CRITICAL' error", Level.FATAL),
        ("log.level=debug error", Level.DEBUG),
        ("severity: error", Level.ERROR),
        ("water level=high, warn", Level.WARN),
        ("é" * 60 + " error", Level.ERROR),
    ],
)
def test_free_text_names_its_level(line, level):
    assert levels.by_keyword(strings(line)).to_pylist() == [level]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "all is well",
        "errors, informed, tracer, warned",
        "/var/log/error.log rotated",
        "error-free",
        "is_error set",
        "http://host/info?debug=1",
        " " * levels.NEAR + "ERROR too far away",
    ],
)
def test_what_is_no_word_of_its_own_is_no_level(line):
    assert levels.by_keyword(strings(line)).to_pylist() == [None]


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (Level.TRACE, "trace TRACE verbose FINEST"),
        (Level.DEBUG, "debug Debug DBG fine D D2"),
        (Level.INFO, "info Information NOTICE I success LOG"),
        (Level.WARN, "warn WARNING W wrn"),
        (Level.ERROR, "error err E SEVERE fail"),
        (Level.FATAL, "fatal CRITICAL panic alert emerg F"),
    ],
)
def test_words_have_levels(level, words):
    column = strings(*words.split())

    assert set(levels.of_words(column).to_pylist()) == {level}


def test_words_unknown_have_none():
    assert levels.of_words(strings("loud", "", None, " info ")).to_pylist() == [
        None,
        None,
        None,
        Level.INFO,
    ]


def test_further_words_can_be_known():
    found = levels.of_words(strings("loud"), {"loud": Level.WARN})

    assert found.to_pylist() == [Level.WARN]


def test_syslog_severities_count_down():
    severities = strings(*map(str, range(9)), "x", None)

    assert levels.of_numbers(severities, levels.SYSLOG).to_pylist() == [
        *levels.SYSLOG,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("number", "level"),
    [
        ("10", Level.TRACE),
        ("30", Level.INFO),
        ("35", Level.INFO),
        ("60", Level.FATAL),
        ("9", None),
        ("70", None),
        ("1e1", None),
        ("99999999999999999999", None),
    ],
)
def test_bunyan_counts_in_tens(number, level):
    found = levels.of_numbers(strings(number), levels.BUNYAN, step=10)

    assert found.to_pylist() == [level]


@pytest.mark.parametrize(
    ("status", "level"),
    [
        ("101", Level.INFO),
        ("200", Level.INFO),
        ("304", Level.INFO),
        ("404", Level.WARN),
        ("503", Level.ERROR),
        ("-1", None),
        (None, None),
    ],
)
def test_a_status_has_a_level(status, level):
    assert levels.of_status(strings(status)).to_pylist() == [level]
