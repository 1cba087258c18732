"""The pages of formats of one's own: the list, the form, its test, and deleting."""

from __future__ import annotations

from html import unescape

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from sources.models import LogFormat, SourceState
from tests.factories.sources import SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

SHOP = {
    "name": "shop",
    "syntax": "pattern",
    "expression": "<time:%Y-%m-%d %H:%M:%S> <level> took=<took:int>",
}
LINE = "2026-11-21 12:00:01 ERROR took=5"


@pytest.fixture
def visit(client, cast):
    """Alice's browser, in Acme unless another user's is asked for."""
    client.force_login(cast.alice)

    def go(name, *args, method="get", data=None, user=None):
        if user is not None:
            client.force_login(user)
        url = reverse(name, args=[cast.acme.slug, *args])
        return getattr(client, method)(url, data or {})

    return go


@pytest.fixture
def shop(cast):
    return LogFormat.unscoped.create(organization=cast.acme, **SHOP)


def text_of(answer) -> str:
    return unescape(answer.content.decode())


def test_a_format_is_added_changed_and_deleted_with_audit(visit):
    added = visit("format-add", method="post", data=SHOP)
    row = LogFormat.unscoped.get()
    changed = visit(
        "format-edit", row.pk, method="post", data={**SHOP, "title": "Ours"}
    )
    row.refresh_from_db()
    gone = visit("format-delete", row.pk, method="post")

    assert [a.status_code for a in (added, changed, gone)] == [302, 302, 302]
    assert (row.name, row.title, row.detected) == ("shop", "Ours", False)
    assert not LogFormat.unscoped.exists()
    entries = AuditEntry.unscoped.filter(object_type="sources.logformat")
    assert sorted(entries.values_list("action", flat=True)) == [
        "log_format.create",
        "log_format.delete",
        "log_format.update",
    ]


def test_the_list_tells_how_each_is_written_and_who_uses_it(visit, cast, shop):
    SourceFactory(organization=cast.acme, format="shop")
    other = SourceFactory(organization=cast.acme)
    SourceState.objects.filter(source=other).update(detected_format="shop")
    SourceFactory(organization=cast.globex, format="shop")

    answer = visit("formats")

    (row,) = answer.context["rows"]
    assert (row["uses"].named, row["uses"].recognised) == (1, 1)
    assert SHOP["expression"] in text_of(answer)
    assert answer.context["conclusion"] == "One format of your own."


def test_sources_of_other_teams_are_not_counted(visit, cast, shop):
    SourceFactory(
        organization=cast.acme, team=cast.payments, name="ledger", format="shop"
    )

    listed = visit("formats", user=cast.carol)
    page = visit("format-edit", shop.pk)

    assert [row["uses"].named for row in listed.context["rows"]] == [0]
    assert "ledger" not in text_of(page)


def test_without_formats_the_list_says_what_they_are_for(visit):
    page = text_of(visit("formats"))

    assert "names in the places of what varies" in page
    assert 'data-key="s" aria-current="page"' in page
    assert reverse("format-add", args=["acme"]) in page


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"name": "json"}, "name", "knows by itself"),
        ({"name": ""}, "name", "required"),
        ({"expression": "<a><b>"}, "expression", "something must stand"),
        ({"time_format": "%Q"}, "time_format", "%Q"),
        ({"event_start": "("}, "event_start", "RE2"),
        ({"expression": "x" * 4001 + "<a>"}, "expression", "at most 4000"),
        ({"sample": "x" * (2**16 + 1)}, "sample", "at most"),
        ({"syntax": "xml"}, "syntax", "valid choice"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(visit, change, field, told):
    answer = visit("format-add", method="post", data={**SHOP, **change})

    assert answer.status_code == 422
    assert told in answer.context["form"].errors[field][0]
    assert not LogFormat.unscoped.exists()


def test_the_test_shows_time_level_and_fields_of_what_fits(visit):
    answer = visit("format-test", method="post", data={**SHOP, "sample": LINE})

    page = text_of(answer)
    assert answer.status_code == 200
    assert "The line fits." in page
    assert answer.context["test"]["preview"]["columns"] == [
        "Time", "Level", "took", "Line",
    ]  # fmt: skip
    assert answer.context["test"]["preview"]["rows"] == [
        ["2026-11-21T12:00:01Z", "error", "5", LINE]
    ]


def test_the_test_marks_where_a_line_no_longer_fits(visit):
    sample = f"{LINE}\r\n2026-11-21 12:00:02 INFO took=long\r\n{LINE} ms"

    answer = visit("format-test", method="post", data={**SHOP, "sample": sample})

    page = text_of(answer)
    assert "1 of 3 lines fits." in page
    assert "2026-11-21 12:00:02 INFO took=<mark>long</mark>" in page
    assert "“<took:int>” is not found from the mark on." in page
    assert "took=5<mark> ms</mark>" in page
    assert "goes on behind the pattern's end" in page


def test_lines_that_a_regular_expression_misses_are_shown(visit):
    data = {"syntax": "regex", "expression": r"took=(?P<took>\d+)", "sample": "no\nnor"}

    page = text_of(visit("format-test", method="post", data=data))

    assert "None of 2 lines fits." in page
    assert "<mark>nor</mark>" in page


def test_lines_of_one_event_are_tried_together(visit):
    sample = f"{LINE}\nTraceback\n{LINE}"
    data = {**SHOP, "event_start": r"^\d{4}-", "sample": sample}

    page = text_of(visit("format-test", method="post", data=data))

    assert "All 2 lines fit." in page


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"expression": "<a><b>"}, "Line: Between <a> and <b> something must stand."),
        ({"time_format": "%Q"}, "Time format: "),
        ({"event_start": "("}, "An event begins with: This is no regular expression"),
        ({"expression": "x" * 5000}, "Line: Ensure this value has at most 4000"),
        ({"syntax": "xml"}, "Written as: "),
        ({"sample": "x" * (2**16 + 1)}, "Lines to try it on: "),
        ({}, "Paste lines to see what it makes of them."),
    ],
)
def test_the_test_says_what_to_mend(visit, change, told):
    answer = visit("format-test", method="post", data={**SHOP, **change})

    assert answer.status_code == 200
    assert told in text_of(answer)


def test_what_stands_in_lines_is_shown_as_text(visit):
    data = {**SHOP, "sample": "<script>alert(1)</script>"}

    answer = visit("format-test", method="post", data=data)

    assert b"<script>" not in answer.content


def test_without_a_script_the_button_tries_and_stores_nothing(visit):
    data = {**SHOP, "sample": LINE, "try": "1"}

    answer = visit("format-add", method="post", data=data)

    assert answer.status_code == 200
    assert "The line fits." in text_of(answer)
    assert not LogFormat.unscoped.exists()


def test_the_page_of_a_format_shows_what_it_makes_of_its_example(visit, shop):
    LogFormat.unscoped.update(example=LINE)

    answer = visit("format-edit", shop.pk)

    assert "The line fits." in text_of(answer)


def test_a_format_in_use_is_neither_deleted_nor_renamed(visit, cast, shop):
    SourceFactory(organization=cast.acme, name="till", format="shop")

    page = text_of(visit("format-edit", shop.pk))
    refused = visit("format-delete", shop.pk, method="post")
    renamed = visit("format-edit", shop.pk, method="post", data={**SHOP, "name": "x"})

    assert "neither renamed nor deleted" in page
    assert "till" in page
    assert "Delete format" not in page
    assert refused.url == reverse("format-edit", args=["acme", shop.pk])
    assert "A source has this format" in renamed.context["form"].errors["name"][0]
    assert LogFormat.unscoped.get().name == "shop"


def test_a_member_sees_formats_and_changes_none(visit, cast, shop):
    seen = visit("format-edit", shop.pk, user=cast.bob)
    page = text_of(seen)

    assert seen.status_code == 200
    assert "Save format" not in page
    assert "Add format" not in text_of(visit("formats"))
    assert visit("format-add").status_code == 403
    assert visit("format-edit", shop.pk, method="post", data=SHOP).status_code == 403
    visit("format-delete", shop.pk, method="post")
    assert LogFormat.unscoped.filter(pk=shop.pk).exists()


def test_to_a_stranger_a_format_does_not_exist(visit, cast, shop):
    client = visit("formats").client
    client.force_login(cast.mallory)

    answer = client.get(reverse("format-edit", args=[cast.globex.slug, shop.pk]))

    assert answer.status_code == 404


def test_sources_and_the_wizard_lead_to_the_formats(visit):
    data = {"step": "kind", "kind": "push"}

    listed = text_of(visit("sources"))
    saved = text_of(visit("source-add", method="post", data=data))

    assert reverse("formats", args=["acme"]) in listed
    assert f'href="{reverse("format-add", args=["acme"])}"' in saved
