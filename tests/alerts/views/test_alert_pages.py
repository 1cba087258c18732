from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.models import Alert
from alerts.services import alerts as actions
from tests.factories.alerts import make_alert, make_rule, pattern_draft, threshold_draft

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def as_alice(cast, client):
    client.force_login(cast.alice)
    return client


def page(name: str, *args) -> str:
    return reverse(name, args=["acme", *args])


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_the_list_shows_what_is_open_worst_first(as_alice, cast):
    make_alert(cast.acme, name="mild one")
    make_alert(cast.acme, name="bad one", severity="critical")
    make_alert(cast.acme, name="old one", status="resolved", resolved_at=timezone.now())
    make_alert(cast.acme, name="pending one", status="pending")

    response = as_alice.get(page("alerts"))

    assert response.status_code == 200
    shown = [row.alert.name for row in response.context["rows"]]
    assert shown == ["bad one", "mild one"]
    assert response.context["tab_counts"] == {
        "active": 2,
        "acknowledged": 0,
        "resolved": 1,
        "mine": 0,
    }
    assert "1 critical" in text_of(response)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("tab=resolved", ["resolved"]),
        ("tab=acknowledged", ["acknowledged"]),
        ("tab=mine", ["acknowledged"]),
        ("severity=critical", ["acknowledged"]),
        ("q=fir", ["firing"]),
        ("q=web-1&severity=warning", ["firing"]),
        ("tab=nonsense&cursor=x", ["acknowledged", "firing"]),
        ("tab=resolved&range=nonsense", ["resolved"]),
    ],
)
def test_the_list_can_be_narrowed(as_alice, cast, query, names):
    now = timezone.now()
    make_alert(cast.acme, name="firing")
    mine = make_alert(cast.acme, name="acknowledged", severity="critical")
    actions.acknowledge(cast.scope(cast.alice), mine, now=now)
    make_alert(cast.acme, name="resolved", status="resolved", resolved_at=now)

    response = as_alice.get(f"{page('alerts')}?{query}")

    assert [row.alert.name for row in response.context["rows"]] == names


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_any_length_costs_the_same(
    as_alice, cast, count, django_assert_max_num_queries
):
    rule = make_rule(cast.acme, threshold_draft())
    for _ in range(count):
        make_alert(cast.acme, rule=rule, assignee=cast.bob, team=cast.payments)

    with django_assert_max_num_queries(28):
        as_alice.get(page("alerts"))


def test_the_detail_tells_the_whole_story(as_alice, cast):
    rule = make_rule(cast.acme, threshold_draft(unit="percent"))
    alert = make_alert(cast.acme, rule=rule, annotations={"summary": "CPU is busy"})
    scope = cast.scope(cast.alice)
    actions.acknowledge(scope, alert, now=timezone.now(), note="Looking.")
    actions.comment(scope, alert, now=timezone.now(), note="It is the backup.")

    response = as_alice.get(page("alert-detail", alert.pk))

    assert response.status_code == 200
    shown = text_of(response)
    for part in ("CPU is 85 %, limit &gt; 80 %", "CPU is busy", "It is the backup."):
        assert part in shown
    assert response.context["holder"]["title"] == "alice@example.org"


def test_the_detail_of_a_resolved_alert_names_who_resolved_it(as_alice, cast):
    alert = make_alert(cast.acme)
    actions.resolve(
        cast.scope(cast.alice), alert, now=timezone.now(), note="Rolled back."
    )

    shown = text_of(as_alice.get(page("alert-detail", alert.pk)))

    assert "Rolled back." in shown
    assert "Resolved by alice@example.org." in shown


def test_the_detail_of_a_patterns_alert_links_to_its_lines(as_alice, cast):
    rule = make_rule(cast.acme, pattern_draft())
    alert = make_alert(cast.acme, rule=rule, labels={"source": "app"})

    response = as_alice.get(page("alert-detail", alert.pk))

    assert "source=app" in response.context["logs_url"]


def test_an_alert_is_acknowledged_by_a_form(as_alice, cast):
    alert = make_alert(cast.acme)

    response = as_alice.post(
        page("alert-acknowledge", alert.pk),
        {"note": "On it.", "next": "/o/acme/alerts"},
    )

    assert (response.status_code, response["Location"]) == (302, "/o/acme/alerts")
    alert.refresh_from_db()
    assert alert.status == "acknowledged"


def test_nobody_is_sent_to_another_site(as_alice, cast):
    alert = make_alert(cast.acme)

    response = as_alice.post(
        page("alert-acknowledge", alert.pk), {"next": "https://evil.example/"}
    )

    assert response["Location"] == page("alert-detail", alert.pk)


def test_htmx_is_told_what_to_refresh_and_how_to_undo(as_alice, cast):
    alert = make_alert(cast.acme)

    response = as_alice.post(page("alert-acknowledge", alert.pk), **HTMX)

    events = json.loads(response["HX-Trigger"])
    assert response.status_code == 204
    assert events["refresh-alert"] is True
    assert events["toast"] == {
        "text": "“CPU” is acknowledged.",
        "undo": page("alert-unacknowledge", alert.pk),
    }


def test_what_cannot_be_done_is_said(as_alice, cast):
    alert = make_alert(cast.acme, status="resolved", resolved_at=timezone.now())

    response = as_alice.post(page("alert-acknowledge", alert.pk), **HTMX)

    text = json.loads(response["HX-Trigger"])["toast"]["text"]
    assert text == "The alert is resolved: only firing ones wait."


@pytest.mark.parametrize(
    ("name", "data", "outcome"),
    [
        (
            "alert-assign",
            {"assignee": "bob@example.org"},
            {"assignee__email": "bob@example.org"},
        ),
        ("alert-resolve", {"note": "Done."}, {"resolution": "Done."}),
        ("alert-comment", {"note": "Hm."}, {"transitions__note": "Hm."}),
    ],
)
def test_each_act_has_its_form(as_alice, cast, name, data, outcome):
    alert, _ = make_alert(cast.acme), cast.bob

    as_alice.post(page(name, alert.pk), data)

    assert Alert.unscoped.filter(pk=alert.pk, **outcome).exists()


def test_several_alerts_are_acted_on_at_once(as_alice, cast):
    firing = [make_alert(cast.acme) for _ in range(2)]
    over = make_alert(cast.acme, status="resolved", resolved_at=timezone.now())
    theirs = make_alert(cast.globex)
    ids = [alert.pk for alert in [*firing, over, theirs]]

    response = as_alice.post(
        page("alerts-bulk"), {"ids": ids, "action": "acknowledge"}, **HTMX
    )

    text = json.loads(response["HX-Trigger"])["toast"]["text"]
    assert text == "2 acknowledged. 1 could not be."
    theirs.refresh_from_db()
    assert theirs.status == "firing"


def test_the_fragments_of_other_pages_can_be_had_alone(as_alice, cast):
    alert = make_alert(cast.acme, severity="critical")

    row = as_alice.get(page("alert-row", alert.pk))
    count = as_alice.get(page("alert-count"))
    attention = as_alice.get(page("alert-attention"))

    assert f'data-alert="{alert.pk}"' in text_of(row)
    assert "1 firing" in text_of(count)
    assert alert.name in text_of(attention)


def test_the_headline_says_what_broke_and_who_has_it(as_alice, cast):
    long_ago = timezone.now() - timedelta(minutes=13)
    make_alert(cast.acme, severity="critical", name="Disk full", now=long_ago)

    response = as_alice.get(page("alert-headline"))

    shown = text_of(response)
    assert "One critical alert has waited 13 min for someone." in shown
    assert "Disk full" in shown
    assert "critical" in response.context["watch"]


def test_when_all_is_quiet_it_says_so(as_alice, cast):
    assert "All quiet" in text_of(as_alice.get(page("alert-headline")))


PAGES = [
    ("get", "alerts"),
    ("get", "alert-headline"),
    ("get", "alert-attention"),
    ("get", "alert-count"),
    ("post", "alerts-bulk"),
]
OF_ONE = [
    ("get", "alert-detail"),
    ("get", "alert-row"),
    ("post", "alert-acknowledge"),
    ("post", "alert-unacknowledge"),
    ("post", "alert-assign"),
    ("post", "alert-comment"),
    ("post", "alert-resolve"),
]


@pytest.mark.parametrize(("method", "name"), PAGES)
def test_to_a_stranger_the_pages_do_not_exist(client, cast, method, name):
    _ = cast.acme
    client.force_login(cast.mallory)

    assert getattr(client, method)(page(name)).status_code == 404


@pytest.mark.parametrize(("method", "name"), OF_ONE)
def test_another_teams_alert_does_not_exist(client, cast, method, name):
    alert = make_alert(cast.acme, team=cast.payments)
    client.force_login(cast.carol)

    assert getattr(client, method)(page(name, alert.pk)).status_code == 404


@pytest.mark.parametrize(
    "name", ["alert-acknowledge", "alert-assign", "alert-comment", "alert-resolve"]
)
def test_a_viewer_may_look_but_not_act(client, cast, name):
    alert = make_alert(cast.acme, team=cast.payments)
    client.force_login(cast.bob)

    assert client.get(page("alert-detail", alert.pk)).status_code == 200
    assert client.post(page(name, alert.pk), {"note": "x"}).status_code == 403
    alert.refresh_from_db()
    assert alert.status == "firing"
