from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from sources.models import LogFormat
from tests.api_client import client_for
from tests.factories.sources import SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/api/v1/formats"
SHOP = {
    "name": "shop",
    "syntax": "pattern",
    "expression": "<time:%Y-%m-%d %H:%M:%S> <level> took=<took:int>",
}
LINE = "2026-11-21 12:00:01 ERROR took=5"


def test_a_format_is_made_changed_and_deleted_with_audit(api):
    made = api.post(URL, SHOP, format="json")
    pk = made.json()["id"]
    changed = api.patch(f"{URL}/{pk}", {"title": "Our shop"}, format="json")
    gone = api.delete(f"{URL}/{pk}")

    assert (made.status_code, changed.status_code, gone.status_code) == (201, 200, 204)
    assert changed.json()["title"] == "Our shop"
    actions = AuditEntry.unscoped.filter(object_type="sources.logformat")
    assert sorted(actions.values_list("action", flat=True)) == [
        "log_format.create",
        "log_format.delete",
        "log_format.update",
    ]


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"name": "json"}, "name", "knows by itself"),
        ({"name": "No"}, "name", "small letters"),
        ({"expression": "nothing"}, "expression", "Name what is to become a field"),
        ({"expression": "<a><b>"}, "expression", "something must stand"),
        ({"expression": "<a> <a>"}, "expression", "there twice"),
        ({"expression": "<a:date>"}, "expression", "the kinds are int"),
        ({"expression": "<time:%Q>"}, "expression", "directive %Q"),
        ({"syntax": "regex", "expression": "(?P<a>x"}, "expression", "missing )"),
        ({"syntax": "regex", "expression": r"(?P<a>x)(?=y)"}, "expression", "RE2"),
    ],
)
def test_what_is_wrong_with_a_format_is_said(api, change, field, told):
    answer = api.post(URL, {**SHOP, **change}, format="json")

    assert answer.status_code == 400
    assert told in answer.json()["error"]["fields"][field][0]


def test_a_format_in_use_is_not_deleted(api, cast):
    pk = api.post(URL, SHOP, format="json").json()["id"]
    SourceFactory(organization=cast.acme, format="shop")

    answer = api.delete(f"{URL}/{pk}")

    assert answer.status_code == 400
    assert LogFormat.unscoped.filter(pk=pk).exists()


def test_a_description_is_tried_on_lines(api):
    wanted = {k: SHOP[k] for k in ("syntax", "expression")}

    answer = api.post(
        f"{URL}/test", {**wanted, "sample": f"{LINE}\nnone"}, format="json"
    )

    assert answer.json()["matched"] == 1
    assert answer.json()["lines"][0] == {
        "line": LINE,
        "timestamp": "2026-11-21T12:00:01Z",
        "level": "error",
        "fields": {"took": "5"},
        "matched": True,
    }


def test_lines_of_one_event_are_tried_together(api):
    wanted = {k: SHOP[k] for k in ("syntax", "expression")}
    sample = f"{LINE}\nTraceback\n{LINE}"

    answer = api.post(
        f"{URL}/test",
        {**wanted, "event_start": r"^\d{4}-", "sample": sample},
        format="json",
    )

    assert [line["line"] for line in answer.json()["lines"]] == [
        f"{LINE}\nTraceback",
        LINE,
    ]


def test_to_a_stranger_a_format_does_not_exist(api, cast):
    pk = api.post(URL, SHOP, format="json").json()["id"]

    assert client_for(cast.globex).get(f"{URL}/{pk}").status_code == 404


def test_a_source_may_have_a_described_format(api):
    api.post(URL, SHOP, format="json")

    wanted = {"kind": "push", "name": "s", "format": "shop"}

    assert api.post("/api/v1/sources", wanted, format="json").status_code == 201


def test_a_preview_shows_what_rules_do(api):
    rules = {
        "filters": [{"action": "exclude", "contains": "debug"}],
        "masks": [{"preset": "email"}],
        "labels": {"tier": "web"},
        "metrics": [{"name": "seen_total", "type": "counter"}],
    }
    wanted = {"sample": "debug a@b.example\nto a@b.example", "processing": rules}

    done = api.post("/api/v1/sources/preview", wanted, format="json").json()[
        "processing"
    ]

    assert [(line["fate"], line["line"]) for line in done["lines"]] == [
        (
            "dropped by filter 1: exclude where the line contains “debug”",
            "debug [email]",
        ),
        ("kept", "to [email]"),
    ]
    assert done["lines"][1]["labels"] == {"tier": "web"}
    assert done["samples"] == [{"series": "seen_total", "value": "1"}]
    assert (done["kept"], done["filtered"], done["masked"]) == (1, 1, 1)


def test_rules_that_cannot_be_are_refused_by_their_place(api):
    wanted = {"kind": "push", "name": "s", "processing": {"masks": [{"preset": "x"}]}}

    answer = api.post("/api/v1/sources", wanted, format="json")

    assert list(answer.json()["error"]["fields"]) == ["processing.masks[0].preset"]
