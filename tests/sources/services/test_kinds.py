"""What is made of a kind's declaration: checks, sealed secrets, masks."""

from __future__ import annotations

import pytest
from django.utils.module_loading import import_string

from sources.connectors import Connector
from sources.forms import FIELDS, SourceForm
from sources.services.kinds import KINDS
from sources.services.kinds.base import Setting, SettingType
from sources.services.kinds.checking import problems_of

pytestmark = pytest.mark.unit

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)


@KIND
def test_what_works_a_kind_is_a_connector(kind):
    assert not kind.connector or issubclass(import_string(kind.connector), Connector)


@KIND
def test_no_setting_is_named_as_what_every_source_has(kind):
    common = {"format", *(name for names in FIELDS.values() for name in names)}

    assert common.isdisjoint(setting.key for setting in kind.settings)
    # Lines to try its processing on are asked for and not kept.
    assert common | {"sample"} == set(SourceForm.base_fields)


@KIND
def test_defaults_are_within_their_own_bounds(kind):
    given = {s.key: s.default for s in kind.settings if s.default is not None}

    assert [problems_of(s, given) for s in kind.settings if s.key in given] == [
        [] for _ in given
    ]


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        (SettingType.TEXT, 7, "This must be a text."),
        (SettingType.TEXT, "a\0", "This must be a text."),
        (SettingType.TEXT, "x" * 5000, "This must have 0 to 4096 characters."),
        (SettingType.LINES, "a", "This must be a list of texts."),
        (SettingType.LINES, [1], "Each entry must be a text."),
        (SettingType.INTEGER, 1.5, "This must be a whole number."),
        (SettingType.SECONDS, "1", "This must be a number of seconds."),
        (SettingType.SECONDS, float("nan"), "This must be a number of seconds."),
        (SettingType.BOOLEAN, 1, "This must be true or false."),
        (SettingType.PAIRS, {"a": 1}, "This must be an object of texts."),
        (SettingType.HEADERS, {"a b": "c"}, "'a b' is no name of a header."),
        (
            SettingType.HEADERS,
            {"a": "b\r\nc: d"},
            "The value of a has characters that no header may have.",
        ),
        (SettingType.PARAMETERS, {"a": "b"}, "This must be an object of lists."),
        (SettingType.YAML, "a: b", "This must be a list or an object."),
        (
            SettingType.YAML,
            [[[[[[[[[]]]]]]]]],
            "This is too large or nested too deeply.",
        ),
        (SettingType.TEXT, None, "Leave it out instead."),
    ],
)
def test_a_value_of_another_type_is_refused(kind, value, problem):
    setting = Setting("it", kind, "It")

    assert problems_of(setting, {"it": value}) == [problem]
