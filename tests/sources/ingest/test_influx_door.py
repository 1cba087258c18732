"""InfluxDB's line protocol through the edge."""

from __future__ import annotations

import time

import pytest

from monitoring.telemetry import SampleBatch
from sources.models import InboxBatch
from tests.factories.accounts import make_token

pytestmark = pytest.mark.integration

WRITE = "/api/v2/write?org=acme&bucket=b"


@pytest.fixture
def secret(cast):
    return make_token(cast.acme, "ingest")


@pytest.fixture
def sender(client, secret):
    return client.as_token(secret)


@pytest.fixture
def now_s():
    return int(time.time())


def stored():
    batch = SampleBatch.decode(bytes(InboxBatch.objects.get().payload))
    found = {}
    for row, series in enumerate(batch.series_index.tolist()):
        labels = dict(batch.series[series])
        name = labels.pop("__name__")
        text = name + "".join(f" {k}={v}" for k, v in labels.items())
        found[text] = (int(batch.ts_ms[row]), float(batch.values[row]))
    return found


def values():
    return {name: value for name, (_, value) in stored().items()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "cpu,host=a,zone=eu usage=1.5,free=2i,count=3u",
            {
                "cpu_usage host=a zone=eu": 1.5,
                "cpu_free host=a zone=eu": 2.0,
                "cpu_count host=a zone=eu": 3.0,
            },
            id="fields",
        ),
        pytest.param("queue value=7", {"queue": 7.0}, id="a_field_called_value"),
        pytest.param("up ok=t,bad=FALSE", {"up_ok": 1.0, "up_bad": 0.0}, id="booleans"),
        pytest.param(
            'log text="a, b=1 \\"x\\"\nsecond line",n=1', {"log_n": 1.0}, id="texts"
        ),
        pytest.param(
            "my\\ cpu\\,x,host\\ name=a\\=b\\,c n=1",
            {"my_cpu_x_n host_name=a=b,c": 1.0},
            id="escapes",
        ),
        pytest.param(
            "2nd.name,my-tag=x n=-1e3", {"_2nd_name_n my_tag=x": -1000.0}, id="names"
        ),
        pytest.param("# a comment\n\na n=1\r\n", {"a_n": 1.0}, id="comments"),
    ],
)
def test_a_line_is_a_sample_for_each_number(sender, line, expected):
    answer = sender.post(WRITE, line.encode())

    assert (answer.status_code, answer.content) == (204, b"")
    assert values() == expected


@pytest.mark.parametrize(
    ("precision", "factor"),
    [("", 10**9), ("ns", 10**9), ("us", 10**6), ("ms", 10**3), ("s", 1)],
)
def test_times_are_in_the_precision_that_is_named(sender, now_s, precision, factor):
    query = f"&precision={precision}" if precision else ""

    answer = sender.post(f"{WRITE}{query}", f"a n=1 {now_s * factor}".encode())

    assert answer.status_code == 204
    assert stored() == {"a_n": (now_s * 1000, 1.0)}


@pytest.mark.parametrize("scheme", ["Token {}", "Bearer {}"])
def test_the_token_may_come_in_influxs_scheme(client, secret, scheme):
    answer = client.post(WRITE, b"a n=1", Authorization=scheme.format(secret))

    assert answer.status_code == 204


def test_version_one_has_the_token_as_password(client, secret):
    answer = client.post(f"/write?db=x&u=me&p={secret}&precision=s", b"a n=1")

    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a", "missing fields"),
        ("a n=x", "invalid field format"),
        ("a n=1.2.3", "invalid number"),
        ("a n=truth", "invalid boolean"),
        ("a n=1 noon", "bad timestamp"),
        ("a,host n=1", "missing tag value"),
        (",host=a n=1", "missing measurement"),
        ("a n=1 5", "time outside range of what is kept"),
    ],
)
def test_a_bad_line_is_named_while_the_others_are_taken(sender, line, problem):
    answer = sender.post(WRITE, f"good n=1\n{line}".encode())

    text = f"partial write: unable to parse '{line}': {problem}"
    assert answer.status_code == 400
    assert answer.json() == {"code": "invalid", "message": text, "error": text}
    assert values() == {"good_n": 1.0}


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (f"{WRITE}&precision=days", {}, 400, "invalid"),
        (WRITE, {"Authorization": "Token nobody"}, 401, "unauthorized"),
        (WRITE, {"Content_Encoding": "br"}, 415, "unsupported media type"),
    ],
)
def test_refusals_have_influxs_shape(sender, path, headers, status, code):
    answer = sender.post(path, b"a n=1", **headers)

    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message", "error"}
    assert answer.json()["code"] == code


def test_any_bytes_are_answered(sender):
    for body in (b"\xff\xfe n=1", b'"', b"a b", b"=\\", b"a n=" + b"9" * 400):
        assert sender.post(WRITE, body).status_code in {204, 400}
