from __future__ import annotations

import socket
import threading
from ipaddress import ip_network

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from tests.sources.connectors.asking import found

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ZONE = {
    ("shop.example.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("shop.example.", "TXT"): ['"v=spf1"'],
    ("shop.example.", "SOA"): ["ns. admin. 2026030101 3600 600 86400 60"],
}


class NameServer:
    """Answers over UDP from a small zone."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            self._socket.sendto(_answer(query).to_wire(), sender)

    def close(self) -> None:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.sendto(b"", self._socket.getsockname())
        end.close()
        self._thread.join()
        self._socket.close()


def _answer(query):
    (question,) = query.question
    answer = dns.message.make_response(query)
    kind = dns.rdatatype.to_text(question.rdtype)
    if (str(question.name), kind) in ZONE:
        records = ZONE[(str(question.name), kind)]
        answer.answer.append(
            dns.rrset.from_text(question.name, 60, "IN", kind, *records)
        )
    elif str(question.name) != "shop.example.":
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer


@pytest.fixture
def name_server(settings):
    settings.SOURCE_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    server = NameServer()
    yield server
    server.close()


@pytest.mark.parametrize(
    "config",
    [
        {"expected": ["192.0.2.1"]},
        {"record_type": "TXT", "expected": ["v=spf1"]},
        {"record_type": "SOA"},
    ],
)
def test_a_name_with_the_expected_records_is_well(probing, name_server, config):
    batch = probing(
        "dns_probe", "shop.example", server=name_server.address, **config
    ).turn()

    assert found(batch)["probe_success"] == 1


def test_the_answer_is_counted(probing, name_server):
    batch = probing("dns_probe", "shop.example", server=name_server.address).turn()

    told = found(batch)
    assert told.pop("probe_duration_seconds") > 0
    assert told == {
        "probe_success": 1,
        "probe_dns_query_succeeded": 1,
        "probe_dns_rcode": 0,
        "probe_dns_answer_rrs": 2,
        "probe_dns_authority_rrs": 0,
        "probe_dns_additional_rrs": 0,
    }


def test_a_zone_tells_its_serial_number(probing, name_server):
    batch = probing(
        "dns_probe", "shop.example", server=name_server.address, record_type="SOA"
    ).turn()

    assert found(batch)["probe_dns_serial"] == 2026030101


@pytest.mark.parametrize(
    ("name", "config", "reason"),
    [
        ("other.example", {}, "the answer is NXDOMAIN, not NOERROR"),
        ("shop.example", {"expected_rcode": "NXDOMAIN"}, "the answer is NOERROR"),
        ("shop.example", {"record_type": "MX"}, "the answer holds no such record"),
        ("shop.example", {"expected": ["192.0.2.9"]}, "192.0.2.9 is not among 192.0.2.1, 192.0.2.2"),
    ],
)  # fmt: skip
def test_a_name_is_not_well_for_a_reason(probing, name_server, name, config, reason):
    one = probing("dns_probe", name, server=name_server.address, **config)

    assert found(one.turn())["probe_success"] == 0
    assert reason in one.connector.problem
