"""What a protocol can say about its door, and what the edge makes of that."""

from __future__ import annotations

import base64

import cramjam
import pyarrow as pa
import pytest

from accounts.scope import Permission
from monitoring.labels import make_labels
from monitoring.telemetry import LOG_COLUMNS, LogBatch
from sources.ingest import IngestEdge
from sources.ingest.credentials import api_key, header, parameter, scheme
from sources.ingest.door import Door, Taken
from sources.ingest.refusals import Answer
from sources.models import InboxBatch
from tests.factories.accounts import OrganizationFactory, make_token
from tests.sources.ingest.conftest import Client, inner

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def batch_of(lines: list[bytes]) -> LogBatch:
    nothing = [None] * len(lines)
    columns = [[0] * len(lines), nothing, [x.decode() for x in lines], nothing]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, LOG_COLUMNS, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=LOG_COLUMNS)
    return LogBatch((make_labels({"source": "api"}),), table)


def take_lines(push):
    batch = batch_of(push.body.splitlines())
    return Taken(Answer(204), (batch,), size=len(push.body))


def take_each_line(push):
    batches = tuple(batch_of([line]) for line in push.body.splitlines())
    return Taken(Answer.text(200, "thanks"), batches, size=len(push.body))


def refuse_in_plain_words(error, headers):
    return Answer.text(error.status, f"{headers['x-client']}: {error.detail}")


def last_newline(body: bytes) -> int:
    return body.rfind(b"\n") + 1


DOORS = (
    Door("/lines", take_lines, refuse=refuse_in_plain_words, encodings=("snappy",)),
    Door("/each", take_each_line),
    Door(r"/in/(?P<group>[a-z]+)/bulk", lambda p: answer_with(p.request.groups)),
    Door("/hello", lambda _: answer_with({}), methods=frozenset({"GET"}), open=True),
    Door("/stream", take_lines, split=last_newline),
    Door("/picky", take_lines, serves=lambda r: "x-client" in r.headers),
    Door(
        "/keys",
        lambda _: answer_with({}),
        credentials=(scheme("Splunk"), api_key, header("X-Key"), parameter("t")),
    ),
)


def answer_with(groups):
    return Taken(Answer.json(200, dict(groups)))


@pytest.fixture
def client(transactional_db, redis_client):
    edge = IngestEdge(inner, doors=DOORS)
    yield Client(edge)
    edge.close()


@pytest.fixture
def secret(client):
    secret = make_token(OrganizationFactory(), Permission.INGEST)
    client.as_token(secret)
    return secret


def test_a_body_is_unpacked_as_the_door_says(client, secret):
    packed = bytes(cramjam.snappy.compress_raw(b"one\ntwo"))

    answer = client.post("/lines", packed, Content_Encoding="snappy")

    assert (answer.status_code, answer.content) == (204, b"")
    assert InboxBatch.objects.get().count == 2


def test_a_refusal_is_put_in_the_doors_own_words(client, secret):
    answer = client.post("/lines", b"x", Content_Encoding="br", X_Client="agent")

    assert answer.status_code == 415
    assert answer.text.startswith("agent: Content-Encoding 'br' is not supported")


def test_snappy_that_announces_more_than_may_come_is_not_unpacked(
    client, secret, settings
):
    bomb = b"\xff\xff\xff\xff\x0f" + b"\0" * 20

    answer = client.post("/lines", bomb, Content_Encoding="snappy", X_Client="agent")

    assert answer.status_code == 413


def test_all_batches_of_a_request_are_deposited(client, secret):
    answer = client.post("/each", b"one\ntwo\nthree")

    assert answer.text == "thanks"
    assert InboxBatch.objects.count() == 3


def test_the_groups_of_a_path_reach_the_door(client, secret):
    answer = client.post("/in/web/bulk", b"")

    assert answer.json() == {"group": "web"}


def test_an_open_door_asks_for_no_token(client):
    assert client.send("GET", "/hello").status_code == 200


def test_an_answer_to_head_has_no_body(client, secret):
    assert client.send("HEAD", "/hello").status_code == 299


def test_what_a_door_does_not_serve_is_djangos(client, secret):
    assert client.post("/picky", b"x").status_code == 299
    assert client.post("/picky", b"x", X_Client="agent").status_code == 204


def test_a_body_without_a_limit_is_stored_piece_by_piece(client, secret, settings):
    settings.INGEST_MAX_BODY_BYTES = 1000
    body = b"".join(b"line %04d\n" % n for n in range(500))

    answer = client.post("/stream", stream_of(body))

    assert answer.status_code == 204
    assert sum(InboxBatch.objects.values_list("count", flat=True)) == 500
    assert InboxBatch.objects.count() > 10


async def stream_of(body: bytes):
    for start in range(0, len(body), 64):
        yield body[start : start + 64]


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Authorization": "Splunk {}"}, ""),
        ({"Authorization": "ApiKey {}"}, ""),
        ({"Authorization": "ApiKey {packed}"}, ""),
        ({"X_Key": "{}"}, ""),
        ({}, "?t={}"),
    ],
    ids=["scheme", "bare-api-key", "api-key", "header", "parameter"],
)
def test_a_token_is_found_where_the_protocol_puts_it(client, secret, headers, query):
    client.headers = {}
    packed = base64.b64encode(f"id:{secret}".encode()).decode()
    sent = {k: v.format(secret, packed=packed) for k, v in headers.items()}

    answer = client.post("/keys" + query.format(secret), b"", **sent)

    assert answer.status_code == 200


@pytest.mark.parametrize("pair", ["any:{}", "{}:"], ids=["password", "user"])
def test_basic_credentials_carry_the_token(client, secret, pair):
    packed = base64.b64encode(pair.format(secret).encode()).decode()
    client.headers = {"Authorization": f"Basic {packed}"}

    assert client.post("/each", b"one").status_code == 200
