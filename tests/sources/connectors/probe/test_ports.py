"""TCP ports and certificates."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from tests.sources.connectors.asking import found
from tests.sources.tls_server import TlsServer, make_certificate

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def tls_server(tmp_path, settings):
    """Return a function that starts servers whose certificate ends in some days."""
    settings.SOURCE_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1")]
    started = []

    def start(days: float = 30):
        path, pem = make_certificate(tmp_path, now=timezone.now(), days=days)
        started.append(TlsServer(path))
        return started[-1], pem

    yield start
    for server in started:
        server.close()


def test_an_open_port_is_well(probing, http_target):
    batch = probing("tcp_probe", http_target.address).turn()

    told = found(batch)
    assert told["probe_success"] == 1
    assert told["probe_ip_protocol"] == 4


def test_a_closed_port_is_not_well(probing, http_target):
    one = probing("tcp_probe", "127.0.0.1:1")

    assert found(one.turn())["probe_success"] == 0
    assert "connection refused" in one.connector.problem


@pytest.mark.parametrize(("expect", "success"), [("^HTTP/1.1 200", 1), ("SSH-2", 0)])
def test_a_conversation_is_held(probing, http_target, expect, success):
    text = r"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    one = probing("tcp_probe", http_target.address, send=text, expect=expect)

    told = found(one.turn())

    assert told["probe_success"] == success
    assert told["probe_failed_due_to_regex"] == 1 - success


def test_a_port_may_speak_tls(probing, tls_server):
    server, _ = tls_server()

    batch = probing(
        "tcp_probe",
        f"localhost:{server.port}",
        tls=True,
        tls_verify=False,
        expect="hello",
    ).turn()

    assert found(batch)["probe_success"] == 1


def test_a_certificate_tells_when_it_ends(probing, tls_server):
    server, _ = tls_server(days=30)
    end = (timezone.now() + timedelta(days=30)).timestamp()

    batch = probing("tls_probe", f"localhost:{server.port}", tls_verify=False).turn()

    told = found(batch)
    assert told["probe_success"] == 1
    assert told["probe_ssl_earliest_cert_expiry"] == pytest.approx(end, abs=600)
    assert told["probe_ssl_days_left"] == pytest.approx(30, abs=0.1)
    assert told["probe_tls_version_info{version=TLSv1.3}"] == 1


def test_a_certificate_that_nobody_trusts_tells_its_end_too(probing, tls_server):
    server, _ = tls_server(days=30)
    one = probing("tls_probe", f"localhost:{server.port}")

    told = found(one.turn())

    assert told["probe_success"] == 0
    assert told["probe_ssl_days_left"] == pytest.approx(30, abs=0.1)
    assert (
        "the certificate is not good: self-signed certificate" in one.connector.problem
    )


def test_a_certificate_that_ends_soon_is_not_well(probing, tls_server):
    server, _ = tls_server(days=5)
    one = probing(
        "tls_probe", f"localhost:{server.port}", tls_verify=False, least_days=14
    )

    assert found(one.turn())["probe_success"] == 0
    assert "ends in 5.0 days, and 14 are wanted" in one.connector.problem
