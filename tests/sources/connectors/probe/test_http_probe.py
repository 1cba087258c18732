from __future__ import annotations

import gzip

import pytest

from tests.sources.connectors.asking import found
from tests.sources.http_targets import Answer, HttpTarget

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_a_url_that_answers_is_well(probing, http_target):
    http_target.answer = lambda path: Answer(b"hello")

    batch = probing("http_probe", f"{http_target.url}/x").turn()

    told = found(batch)
    phases = {n: told.pop(n) for n in list(told) if n.startswith("probe_http_duration")}
    assert sorted(phases) == [
        f"probe_http_duration_seconds{{phase={phase}}}"
        for phase in ("connect", "processing", "resolve", "tls", "transfer")
    ]
    assert 0 < sum(phases.values()) <= told.pop("probe_duration_seconds")
    assert told.pop("probe_dns_lookup_time_seconds") >= 0
    assert told == {
        "probe_success": 1,
        "probe_failed_due_to_regex": 0,
        "probe_http_status_code": 200,
        "probe_http_version": 1.1,
        "probe_http_ssl": 0,
        "probe_http_redirects": 0,
        "probe_http_content_length": 5,
        "probe_http_uncompressed_body_length": 5,
        "probe_ip_protocol": 4,
    }


def test_samples_say_what_was_probed(probing, http_target):
    url = f"{http_target.url}/x"

    batch = probing("http_probe", url, labels={"env": "prod"}).turn()

    assert {
        tuple(dict(labels)[n] for n in ("job", "instance", "target", "env", "source"))
        for labels in batch.series
    } == {("shop", url, url, "prod", "shop")}


@pytest.mark.parametrize(
    ("config", "answer", "reason"),
    [
        ({}, Answer(status=404), "status 404, not 2xx"),
        ({"expected_status": ["401", "500-599"]}, Answer(status=404), "not 401 or 500-599"),
        ({"body_contains": "hello"}, Answer(b"bye"), "does not contain “hello”"),
        ({"body_matches": "^h.llo"}, Answer(b"bye"), "does not match ^h.llo"),
        ({"body_does_not_match": "b.e"}, Answer(b"bye"), "matches b.e"),
        ({"timeout_seconds": 1}, Answer(b"", 302, {"Location": "/"}), "more than 10 redirects"),
    ],
)  # fmt: skip
def test_a_url_is_not_well_for_a_reason(probing, http_target, config, answer, reason):
    http_target.answer = lambda path: answer
    one = probing("http_probe", http_target.url, **config)

    batch = one.turn()

    assert found(batch)["probe_success"] == 0
    assert found(batch)["probe_failed_due_to_regex"] == (
        "body" in next(iter(config), "")
    )
    assert reason in one.connector.problem


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        ({"expected_status": ["4xx"]}, Answer(status=404)),
        ({"expected_status": ["301"], "follow_redirects": False}, Answer(b"", 301, {"Location": "/x"})),
        ({"body_contains": "hello"}, Answer(gzip.compress(b"hello"), 200, {"Content-Encoding": "gzip"})),
        ({"body_matches": "h.llo", "body_does_not_match": "bye"}, Answer(b"hello")),
    ],
)  # fmt: skip
def test_what_is_expected_is_well(probing, http_target, config, answer):
    http_target.answer = lambda path: answer

    batch = probing("http_probe", http_target.url, **config).turn()

    assert found(batch)["probe_success"] == 1


def test_redirects_are_followed_and_counted(probing, http_target):
    away = Answer(b"", 302, {"Location": "/there"})
    http_target.answer = lambda path: Answer(b"hi") if path == "/there" else away

    told = found(probing("http_probe", http_target.url).turn())

    assert (told["probe_http_redirects"], told["probe_success"]) == (1, 1)


def test_it_asks_as_it_was_told(probing, http_target):
    probing(
        "http_probe",
        http_target.url,
        method="POST",
        body="ping",
        headers={"X-Key": "k"},
        bearer_token="t",
    ).turn()

    (asked,) = http_target.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert (headers["x-key"], headers["authorization"], headers["content-length"]) == (
        "k",
        "Bearer t",
        "4",
    )


def test_what_a_probe_did_not_come_to_know_has_ended(probing, http_target):
    other = HttpTarget()
    one = probing("http_probe", other.url)
    one.turn()
    other.close()

    batch = one.turn()

    told = found(batch)
    assert (told["probe_success"], told["probe_http_status_code"]) == (0, 0)
    assert told["probe_http_version"] == "stale"


def test_private_addresses_need_the_operators_leave(probing, http_target, settings):
    settings.SOURCE_ALLOWED_NETWORKS = []
    one = probing("http_probe", http_target.url)

    one.turn()

    assert "SOURCE_ALLOWED_NETWORKS" in one.connector.problem
