"""The wizard's pages, as the kinds declare them."""

from __future__ import annotations

from html import unescape
from ipaddress import ip_network

import pytest
from django.urls import reverse

from accounts.scope import Scope
from sources.models import Source
from sources.services.configs import MASK, opened_config
from sources.services.kinds import KINDS
from sources.services.sources import create_source
from tests.sources.http_targets import HttpTarget

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)


@pytest.fixture
def wizard(client, cast, redis_client):
    """Return a function that sends a step of the wizard, as Alice of Acme."""
    client.force_login(cast.alice)
    url = reverse("source-add", args=[cast.acme.slug])

    def send(step: str = "", **fields):
        if not step:
            return client.get(url)
        return client.post(url, {"step": step, **fields})

    return send


@pytest.fixture
def http_target(settings):
    settings.SOURCE_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    target = HttpTarget()
    target.expose('a_total{x="1"} 3\n')
    yield target
    target.close()


def test_every_kind_is_offered_in_its_group(wizard):
    page = wizard().content.decode()

    assert [
        kind.name for kind in KINDS.values() if f'value="{kind.name}"' not in page
    ] == []
    assert "Checked from here" in page


@KIND
def test_each_setting_that_is_asked_has_its_field(wizard, kind):
    if not kind.asked:
        return
    answer = wizard("kind", kind=kind.name)

    assert answer.context["step"] == "where"
    names = [field.name for field in answer.context["shown"]]
    assert names == [setting.key for setting in kind.asked]
    page = unescape(answer.content.decode())
    assert [setting.label for setting in kind.asked if setting.label not in page] == []


def test_defaults_are_filled_in(wizard):
    fields = wizard("kind", kind="scrape").context["form"]

    assert fields["interval_seconds"].value() == "15"
    assert fields["honor_timestamps"].value() is True
    assert fields["honor_labels"].value() is False


def test_a_test_shows_what_would_come(wizard, http_target):
    answer = wizard("where", kind="scrape", targets=http_target.address, **{"try": "1"})

    preview = answer.context["preview"]
    assert (answer.context["step"], preview["error"]) == ("where", "")
    assert [(s["name"], s["value"]) for s in preview["samples"]] == [
        (f'a_total{{instance="{http_target.address}", x="1"}}', 3.0)
    ]
    assert not Source.unscoped.exists()


def test_a_test_that_fails_says_why(wizard, http_target):
    answer = wizard(
        "where", kind="http_probe", targets="http://127.0.0.1:1/", **{"try": "1"}
    )

    assert "connection refused" in answer.context["preview"]["error"]


def test_what_is_written_becomes_the_configuration(wizard):
    wizard(
        "save",
        kind="scrape",
        name="web",
        priority="1",
        targets="web-1:9100\r\n\r\nweb-2:9100",
        interval_seconds="30",
        params="module=a\nmodule=b",
        headers="X-Key: secret",
        relabel_configs="- {action: labeldrop, regex: x}",
        honor_labels="on",
        honor_timestamps="on",
        tls_verify="on",
    )

    assert opened_config("scrape", Source.unscoped.get().config) == {
        "targets": ["web-1:9100", "web-2:9100"],
        "interval_seconds": 30,
        "params": {"module": ["a", "b"]},
        "headers": {"X-Key": "secret"},
        "relabel_configs": [{"action": "labeldrop", "regex": "x"}],
        "honor_labels": True,
        "follow_redirects": False,
    }


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("targets", "http://web", "write host:port"),
        ("relabel_configs", "- {action: [", "This is no YAML"),
        ("relabel_configs", "- {action: x}", "no action"),
        ("relabel_configs", "a: &a [1]\nb: *a", "refers to itself"),
        ("headers", "X-Key", "as name:value"),
        ("params", "x", "as name=value"),
        ("interval_seconds", "soon", "Enter a number"),
        ("interval_seconds", "0.5", "from 1 to 86400"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(wizard, field, text, problem):
    given = {"targets": "web:9100", "interval_seconds": "15", field: text}

    answer = wizard("where", kind="scrape", **given)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert problem in str(answer.context["form"].errors[field])


def test_a_stored_secret_is_never_in_a_page(client, cast, wizard):
    source = create_source(
        Scope.of_system(cast.acme.pk, cast.acme.slug),
        kind="scrape",
        name="web",
        config={"targets": ["web:9100"], "password": "hunter2"},
    )
    url = reverse("source-edit", args=["acme", source.pk])

    page = client.get(url)
    form = page.context["form"]
    fields = {name: form[name].value() for name in form.fields if form[name].value()}
    client.post(url, {**fields, "step": "save"})

    assert "hunter2" not in page.content.decode()
    assert form["password"].value() == MASK
    kept = Source.unscoped.get()
    assert opened_config("scrape", kept.config)["password"] == "hunter2"
