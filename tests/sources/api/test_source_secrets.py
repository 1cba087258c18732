"""Secrets of sources: encrypted where they are stored, never shown."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from sources.models import Source
from sources.services.configs import MASK, opened_config

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/api/v1/sources"


def scrape(**config):
    return {
        "kind": "scrape",
        "name": "web",
        "config": {"targets": ["web:9100"], **config},
    }


@pytest.fixture
def source(api):
    wanted = scrape(password="hunter2", username="u", headers={"X-Key": "k3y"})
    answer = api.post(URL, wanted, format="json")
    assert answer.status_code == 201, answer.json()
    return Source.unscoped.get()


def test_a_secret_is_stored_encrypted(source):
    assert "hunter2" not in str(source.config)
    assert "k3y" not in str(source.config)
    assert opened_config("scrape", source.config)["password"] == "hunter2"


def test_a_secret_is_shown_as_a_mask(api, source):
    shown = api.get(f"{URL}/{source.pk}").json()["config"]

    assert (shown["password"], shown["headers"]) == (MASK, {"X-Key": MASK})
    assert shown["username"] == "u"


def test_the_audit_log_has_no_secret(source):
    entry = AuditEntry.unscoped.get(action="source.create")

    assert entry.after["config"]["password"] == MASK


def test_a_mask_that_is_sent_back_keeps_the_secret(api, source):
    shown = api.get(f"{URL}/{source.pk}").json()["config"]

    api.patch(f"{URL}/{source.pk}", {"config": shown}, format="json")

    kept = Source.unscoped.get()
    assert kept.config == source.config
    assert not AuditEntry.unscoped.filter(action="source.update").exists()


def test_another_secret_is_a_change(api, source):
    config = {"targets": ["web:9100"], "username": "u", "password": "other"}

    api.patch(f"{URL}/{source.pk}", {"config": config}, format="json")

    assert opened_config("scrape", Source.unscoped.get().config) == config
    entry = AuditEntry.unscoped.get(action="source.update")
    assert "other" not in str(entry.after)


def test_a_mask_without_a_secret_is_refused(api):
    answer = api.post(URL, scrape(password=MASK), format="json")

    assert answer.status_code == 400
    assert "Nothing is stored yet" in str(answer.json())


@pytest.mark.parametrize(
    ("config", "field", "problem"),
    [
        ({"targets": []}, "config.targets", "Give targets"),
        ({"targets": ["http://web"]}, "config.targets", "write host:port"),
        ({"timeout_seconds": 20}, "config.timeout_seconds", "not be longer"),
        ({"relabel_configs": [{"action": "x"}]}, "config.relabel_configs", "no action"),
        ({"static_configs": [{"hosts": []}]}, "config.static_configs", "targets and labels"),
        ({"file_sd": ["/etc/x.json"]}, "config.file_sd", "outside the allowed"),
        ({"file_sd": ["/var/log/x"]}, "config.file_sd", "must end in .json"),
        ({"http_sd": ["ftp://x"]}, "config.http_sd", "http:// or https://"),
        ({"path": "metrics"}, "config.path", "Begin the path with a slash"),
        ({"tls_ca": "x"}, "config.tls_ca", "no certificates in PEM"),
        ({"bearer_token": "t", "username": "u"}, "config.bearer_token", "either a token"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(api, config, field, problem):
    answer = api.post(URL, scrape(**config), format="json")

    assert answer.status_code == 400
    fields = answer.json()["error"]["fields"]
    assert list(fields) == [field]
    assert problem in str(fields[field])


def test_with_another_address_a_secret_is_to_be_entered_again(api, source):
    shown = api.get(f"{URL}/{source.pk}").json()["config"]
    elsewhere = {"config": {**shown, "targets": ["evil.example:80"]}}

    answer = api.patch(f"{URL}/{source.pk}", elsewhere, format="json")

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {
        "config.password",
        "config.headers",
    }


def test_what_does_not_lead_elsewhere_keeps_the_secret(api, source):
    shown = api.get(f"{URL}/{source.pk}").json()["config"]
    calmer = {"config": {**shown, "interval_seconds": 60}}

    answer = api.patch(f"{URL}/{source.pk}", calmer, format="json")

    assert answer.status_code == 200
    assert (
        opened_config("scrape", Source.unscoped.get().config)["password"] == "hunter2"
    )
