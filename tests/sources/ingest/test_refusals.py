"""What the edge refuses, and that nothing of it is kept."""

from __future__ import annotations

import gzip

import pytest
from django.utils import timezone

from accounts.models import ApiToken
from accounts.services.believed import Believed
from accounts.services.tokens import revoke_token
from sources.ingest.bodies import BodyBudget
from sources.models import InboxBatch, Source
from sources.services.inbox import deposit
from tests.factories.accounts import make_token
from tests.factories.sources import SourceFactory, arrival, log_batch

pytestmark = pytest.mark.integration

LOGS, METRICS = "/api/v1/logs", "/api/v1/metrics"
LINE = b'{"line":"hello"}'


@pytest.fixture
def sender(client, cast):
    return client.as_token(make_token(cast.acme, "ingest"))


def refusal(answer) -> tuple[int, str]:
    """Return status and code; every refusal has the one shape and left nothing."""
    error = answer.json()["error"]
    assert isinstance(error["detail"], str)
    assert not InboxBatch.objects.exists()
    return answer.status_code, error["code"]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer vdt_wrong"]
)
def test_without_a_good_token_nobody_is_let_in(client, edge, authorization):
    if authorization is not None:
        client.headers["Authorization"] = authorization

    answer = client.post(LOGS, LINE)

    assert refusal(answer) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_expired_token_is_unknown(client, cast):
    client.as_token(make_token(cast.acme, "ingest", expires_at=timezone.now()))

    assert refusal(client.post(LOGS, LINE)) == (401, "not_authenticated")


def test_a_revoked_token_is_believed_for_seconds_at_most(client, cast, edge):
    clock = [0.0]
    edge._senders = Believed(3.0, clock=lambda: clock[0])
    client.as_token(make_token(cast.acme, "ingest"))
    client.post(LOGS, LINE)
    revoke_token(cast.system(), ApiToken.objects.get(), now=timezone.now())
    InboxBatch.objects.all().delete()

    clock[0] = 3.1

    assert refusal(client.post(LOGS, LINE)) == (401, "not_authenticated")


def test_a_token_needs_the_permission_to_ingest(client, cast):
    client.as_token(make_token(cast.acme, "read", "write", "admin"))

    assert refusal(client.post(LOGS, LINE)) == (403, "permission_denied")


def test_a_platform_token_must_name_an_organization(client, edge):
    client.as_token(make_token(None, "ingest"))

    assert refusal(client.post(LOGS, LINE)) == (400, "organization_required")


def test_a_platform_token_must_name_one_that_exists(client, edge):
    client.as_token(make_token(None, "ingest"), "nowhere")

    assert refusal(client.post(LOGS, LINE)) == (404, "not_found")


def test_a_token_of_one_organization_reaches_no_other(client, cast):
    client.as_token(make_token(cast.acme, "ingest"), cast.globex.slug)

    assert refusal(client.post(LOGS, LINE)) == (404, "not_found")


def test_another_organizations_source_is_unknown(sender, cast):
    SourceFactory(organization=cast.globex, name="shop")

    answer = sender.post(f"{LOGS}?source=shop", LINE)

    assert refusal(answer) == (404, "source_not_found")


def test_a_name_that_no_source_can_have_is_unknown(sender):
    answer = sender.post(f"{LOGS}?source=%00", LINE)

    assert refusal(answer) == (404, "source_not_found")


def test_another_teams_source_is_unknown(client, cast):
    SourceFactory(organization=cast.acme, name="shop", team=cast.platform)
    client.as_token(make_token(cast.acme, "ingest", team=cast.payments))

    answer = client.post(f"{LOGS}?source=shop", LINE)

    assert refusal(answer) == (404, "source_not_found")


@pytest.mark.parametrize(
    "given", [{"kind": Source.Kind.FILE}, {"enabled": False}], ids=["kind", "disabled"]
)
def test_only_enabled_push_sources_take_pushes(sender, cast, given):
    SourceFactory(organization=cast.acme, name="shop", **given)

    answer = sender.post(f"{LOGS}?source=shop", LINE)

    assert refusal(answer) == (409, "source_unusable")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (LOGS, b"", "malformed_body"),
        (LOGS, b"\n \n", "malformed_body"),
        (LOGS, b"[{]", "malformed_body"),
        (LOGS, b"hello", "nothing_accepted"),
        (LOGS, b"\x00\xff\xfe", "nothing_accepted"),
        (LOGS, b'{"msg":"a"}', "nothing_accepted"),
        (METRICS, b"{", "malformed_body"),
        (METRICS, b"{}", "nothing_accepted"),
        (METRICS, b'{"metrics":[{"name":"up"}]}', "nothing_accepted"),
        (f"{LOGS}?sorce=x", LINE, "unknown_parameter"),
    ],
)
def test_a_body_with_nothing_good_is_a_bad_request(sender, path, body, code):
    assert refusal(sender.post(path, body)) == (400, code)


def test_a_body_with_nothing_good_lists_what_is_wrong(sender):
    answer = sender.post(LOGS, b'{"msg":"a"}\n7')

    assert answer.json()["accepted"] == 0
    assert [r["index"] for r in answer.json()["rejected"]] == [0, 1]
    assert answer.json()["error"]["detail"].startswith(
        "None of the 2 records can be taken; the one at index 0: unknown key 'msg'"
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("body", [b"not packed", b"\x1f\x8b\x08\x00"])
def test_a_body_that_cannot_be_unpacked_is_a_bad_request(sender, encoding, body):
    answer = sender.post(LOGS, body, Content_Encoding=encoding)

    assert refusal(answer) == (400, "malformed_body")


def test_a_truncated_body_is_a_bad_request(sender):
    answer = sender.post(LOGS, gzip.compress(LINE)[:-4], Content_Encoding="gzip")

    assert refusal(answer) == (400, "malformed_body")


def test_an_unknown_encoding_is_named(sender):
    answer = sender.post(LOGS, LINE, Content_Encoding="br")

    assert refusal(answer) == (415, "unsupported_encoding")
    assert "gzip" in answer.headers["accept-encoding"]


@pytest.mark.parametrize("key", ["", "x" * 129, "a\x01b"])
def test_an_odd_idempotency_key_is_refused(sender, key):
    answer = sender.post(LOGS, LINE, Idempotency_Key=key)

    assert refusal(answer) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_not_allowed(sender, method):
    answer = sender.send(method, LOGS)

    assert refusal(answer) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", LOGS), ("HEAD", LOGS), ("POST", "/api/v1/sources"), ("POST", LOGS + "/")],
)
def test_what_is_no_push_is_djangos(client, edge, method, path):
    assert client.send(method, path).status_code == 299


# --- Sizes ---------------------------------------------------------------------------


@pytest.fixture
def small_limit(settings):
    settings.INGEST_MAX_BODY_BYTES = 1000


async def chunks(total: int):
    for _ in range(total // 100):
        yield b" " * 100


@pytest.mark.parametrize("body", [b"x" * 1001, chunks(2000)], ids=["announced", "not"])
def test_a_body_over_the_limit_is_too_large(sender, small_limit, body):
    answer = sender.post(LOGS, body)

    assert refusal(answer) == (413, "body_too_large")
    assert "1000 bytes" in answer.json()["error"]["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_too_large(sender, small_limit, encoding):
    import zlib

    import pyarrow as pa

    pack = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": lambda body: pa.Codec("zstd").compress(body, asbytes=True),
    }[encoding]

    answer = sender.post(LOGS, pack(b" " * 100_000), Content_Encoding=encoding)

    assert refusal(answer) == (413, "body_too_large")


def test_a_line_over_the_limit_is_refused_alone(sender, settings):
    settings.INGEST_MAX_LINE_BYTES = 10

    answer = sender.post(LOGS, b'{"line":"short"}\n{"line":"much too long"}')

    assert answer.json() == {
        "accepted": 1,
        "rejected": [{"index": 1, "error": "line has 13 bytes; 10 may be"}],
    }


# --- Back-pressure -------------------------------------------------------------------


def test_over_the_backlog_senders_are_told_when_to_come_back(sender, cast, settings):
    settings.INGEST_BACKLOG_LIMIT = 2
    deposit([arrival(cast.acme, log_batch("a", "b"))])

    answer = sender.post(LOGS, LINE)

    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "backlog_full"
    assert int(answer.headers["retry-after"]) >= 1
    assert InboxBatch.objects.count() == 1


def test_ones_backlog_does_not_shut_out_another(client, cast, settings):
    settings.INGEST_BACKLOG_LIMIT = 2
    deposit([arrival(cast.globex, log_batch("a", "b"))])

    answer = client.as_token(make_token(cast.acme, "ingest")).post(LOGS, LINE)

    assert answer.status_code == 202


def test_too_many_bodies_at_once_are_refused(sender, edge):
    """A second body must not come in while the first fills what there is."""
    edge._budget = BodyBudget(1)

    answers = sender.post_at_once(LOGS, [LINE, LINE])

    assert sorted(answer.status_code for answer in answers) == [202, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["error"]["code"] == "overloaded"
    assert sender.post(LOGS, LINE).status_code == 202
