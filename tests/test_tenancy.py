"""Every page, API route and socket topic, walked as every role and as a stranger.

The routes come from the URLconf: a new one is in the matrix by existing. Everything of
Acme's that could leak carries a word that nobody else may read.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import ApiToken, AuditEntry
from accounts.services import audit
from alerts.models import (
    Alert,
    Notification,
    NotificationChannel,
    Rule,
    RuleGroup,
    RuleGroupState,
    RuleLevel,
    RuleState,
    Transition,
)
from monitoring.api.prometheus.base import PrometheusAPI
from monitoring.live import publish, topics
from monitoring.models import RetentionRule
from monitoring.services.append import append_logs, append_samples
from monitoring.telemetry import Level
from sources.models import (
    BatchKind,
    DeadLetter,
    Heartbeat,
    LogFormat,
    Source,
    SourceState,
)
from tests.api_client import TokenClient
from tests.factories.accounts import make_token
from tests.factories.monitoring import mixed_log_batch, sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

# Stands in all of Acme's things; the second in those of its team Payments only.
ACME, PAYMENTS = "acmesecret", "paymentssecret"

# Reached without an organization, or dressed by others and tested for themselves.
OUTSIDE = ("admin/", "api/schema/", "login/", "logout/", "healthz", "readyz")


@dataclass(frozen=True)
class Route:
    path: str
    view: object
    methods: frozenset[str]

    def __str__(self) -> str:
        return self.path


def routes() -> list[Route]:
    found: list[Route] = []

    def walk(resolver: URLResolver, prefix: str) -> None:
        for entry in resolver.url_patterns:
            path = prefix + str(entry.pattern).removeprefix("^").removesuffix("$")
            if path.startswith(OUTSIDE):
                continue
            if isinstance(entry, URLResolver):
                walk(entry, path)
            elif isinstance(entry, URLPattern):
                actions = getattr(entry.callback, "actions", None) or {}
                found.append(Route(path, entry.callback, frozenset(actions)))

    walk(get_resolver(), "")
    return found


PAGES = [r for r in routes() if r.path.startswith("o/<")]
API = [r for r in routes() if r.path.startswith(("api/v1/", "prometheus/", "loki/"))]

# Asked by probes, which have no token.
PUBLIC = ("loki/ready",)


def test_the_walk_finds_the_routes():
    assert len(PAGES) > 10
    assert len(API) > 20


@pytest.fixture
def things(cast, redis_client):
    """One of everything in Acme: its own, and the same of its team Payments."""
    _ = (cast.alice, cast.bob, cast.carol, cast.mallory, cast.platform)
    return [make_things(cast, None, ACME), make_things(cast, cast.payments, PAYMENTS)]


def make_things(cast, team, word) -> dict[str, int]:
    now = timezone.now()
    scope = cast.system()
    common = {"organization": cast.acme, "team": team}
    source = Source.unscoped.create(
        **common, kind="push", name=word, labels={"word": word}, config={}
    )
    SourceState.objects.create(source=source, last_error=word, lines_total=1)
    channel = NotificationChannel.unscoped.create(
        **common, kind="email", name=word, config={"to": [f"{word}@example.org"]}
    )
    group = RuleGroup.unscoped.create(**common, namespace="shop", name=word)
    RuleGroupState.objects.create(group=group, due_at=now)
    recorded = Rule.unscoped.create(
        **common, group=group, kind="recording", name=word, query=word
    )
    RuleState.objects.create(rule=recorded, due_at=now, error=word)
    rule = Rule.unscoped.create(**common, kind="threshold", name=word, query=word)
    RuleLevel.objects.create(rule=rule, position=0, severity="warning", threshold=1)
    alert = Alert.unscoped.create(
        **common,
        rule=rule,
        name=word,
        fingerprint=1 if team else 2,
        labels={"word": word},
        status="firing",
        severity="warning",
        started_at=now,
        fired_at=now,
    )
    transition = Transition.unscoped.create(
        organization=cast.acme,
        alert=alert,
        at=now,
        to_status="firing",
        to_severity="warning",
        reason=word,
    )
    notification = Notification.unscoped.create(
        organization=cast.acme,
        alert=alert,
        transition=transition,
        channel=channel,
        created_at=now,
        next_attempt_at=now,
    )
    letter = DeadLetter.unscoped.create(
        **common,
        source=source,
        priority=1,
        kind=BatchKind.LOGS,
        payload=b"",
        count=1,
        size=1,
        received_at=now,
        attempts=1,
        error=word,
        failed_at=now,
    )
    heartbeat = Heartbeat.unscoped.create(**common, name=word, description=word)
    audit.record(scope, "source.create", source, after={"word": word})
    team_id = team.pk if team else None
    append_logs(
        scope,
        mixed_log_batch(
            [(time.time_ns(), word, Level.ERROR, 0)], streams=[{"source": word}]
        ),
        team_id=team_id,
        now=now,
    )
    append_samples(
        scope,
        sample_batch(
            [({"__name__": word, "word": word}, int(now.timestamp() * 1000), 1.0)]
        ),
        team_id=team_id,
        now=now,
    )
    token = ApiToken.objects.get(digest=_digest(make_token(cast.acme, name=word)))
    kept = RetentionRule.unscoped.create(
        **common,
        position=1,
        signal="logs",
        selector=f'{{word="{word}"}}',
        keep_for=timedelta(days=400),
    )
    # Formats belong to no team: both have the same one.
    described, _ = LogFormat.unscoped.get_or_create(
        organization=cast.acme,
        name=ACME,
        defaults={"syntax": "pattern", "expression": f"{ACME} <status>"},
    )
    return {
        "format": described.pk,
        "retention": kept.pk,
        "heartbeat": heartbeat.pk,
        "source": source.pk,
        "group": group.pk,
        "group_name": word,
        "recording": recorded.pk,
        "rule": rule.pk,
        "alert": alert.pk,
        "channel": channel.pk,
        "notification": notification.pk,
        "dead": letter.pk,
        "token": token.pk,
        "team": (team or cast.platform).pk,
    }


def _digest(secret: str) -> str:
    from accounts.services.tokens import digest_of

    return digest_of(secret)


def addresses(route: Route, things: dict[str, int]) -> str:
    """Fill a route's placeholders with the ids of things it could be about."""
    path = route.path.replace("<slug:organization_slug>", "acme")
    path = path.replace("(?P<pk>[^/.]+)", "<pk>")
    noun = next(
        (n for n in things if n in path.replace("dead-letters", "dead")), "alert"
    )
    for place in ("<pk>", "<int:pk>", f"<int:{noun}_id>", "<int:alert_id>", "<int:id>"):
        path = path.replace(place, str(things[noun]))
    for place, noun in (
        ("<int:source_id>", "source"),
        ("<int:rule_id>", "rule"),
        ("<int:channel_id>", "channel"),
        ("<str:topic>", "custom.x"),
        ("<str:namespace>", "shop"),
        ("<str:group>", "group_name"),
        ("<str:act>", "pause"),
        ("(?P<number>[0-9]{1,18})", "1"),
        ("<str:label>", "word"),
    ):
        value = things.get(noun, noun)
        path = path.replace(place, str(value))
    assert "<" not in path, f"teach this test to fill {path}"
    return "/" + path


def body_of(response) -> str:
    if getattr(response, "streaming", False):
        return ""
    return response.content.decode(errors="replace")


def logged_in(user) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


@pytest.mark.parametrize("route", PAGES, ids=str)
@pytest.mark.parametrize("method", ["get", "post"])
def test_to_a_stranger_a_page_does_not_exist(cast, things, route, method):
    client = logged_in(cast.mallory)

    for own in things:
        response = getattr(client, method)(addresses(route, own))

        assert response.status_code in {404, 405}
        assert ACME not in body_of(response)


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_without_a_login_a_page_asks_for_one(cast, things, route):
    response = Client().get(addresses(route, things[0]))

    assert response.status_code in {302, 405}
    assert response.get("Location", "/login/").startswith("/login/")


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_a_page_keeps_another_teams_things_to_itself(cast, things, route):
    own, payments = things
    client = logged_in(cast.carol)

    listed = client.get(addresses(route, own))
    theirs = client.get(addresses(route, payments))

    assert PAYMENTS not in body_of(listed)
    assert PAYMENTS not in body_of(theirs)
    if addresses(route, own) != addresses(route, payments):
        assert theirs.status_code in {403, 404, 405}


@pytest.mark.parametrize("route", PAGES, ids=str)
@pytest.mark.parametrize("person", ["alice", "bob"])
def test_a_member_of_the_team_is_never_met_by_an_error(cast, things, route, person):
    client = logged_in(getattr(cast, person))

    response = client.get(addresses(route, things[1]))

    assert response.status_code in {200, 302, 400, 403, 405}


@pytest.mark.parametrize("route", API, ids=str)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_to_a_strangers_token_an_object_does_not_exist(cast, things, route, method):
    client = TokenClient(make_token(cast.globex))

    for own in things:
        path = addresses(route, own)
        response = getattr(client, method)(path, {}, format="json")

        assert ACME not in body_of(response)
        assert PAYMENTS not in body_of(response)
        if path != addresses(route, dict.fromkeys(own, 0)):
            assert response.status_code in {404, 405}


@pytest.mark.parametrize("route", API, ids=str)
def test_a_teams_token_does_not_reach_another_teams_things(cast, things, route):
    client = TokenClient(make_token(cast.acme, team=cast.platform))

    for own in things:
        response = client.get(addresses(route, own))

        assert PAYMENTS not in body_of(response)


@pytest.mark.parametrize("route", [r for r in API if r.path not in PUBLIC], ids=str)
def test_the_api_wants_credentials(cast, things, route):
    method = next(iter(route.methods), "get")

    response = getattr(Client(), method)(addresses(route, things[0]))

    assert response.status_code in {401, 405}


@pytest.mark.parametrize("path", PUBLIC)
def test_what_wants_none_says_the_same_to_everybody(cast, things, path):
    tokens = [make_token(cast.acme), make_token(cast.globex), "nonsense"]
    everybody = [Client(), logged_in(cast.alice), *map(TokenClient, tokens)]

    answers = {person.get(f"/{path}").content for person in everybody}

    assert len(answers) == 1
    assert ACME not in str(answers)


@pytest.mark.parametrize("route", API, ids=str)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_viewer_changes_nothing(cast, things, route, method):
    client = TokenClient(make_token(cast.acme, "read"))
    before = AuditEntry.unscoped.count()

    response = getattr(client, method)(addresses(route, things[0]), {}, format="json")

    # Some questions are too long for an address: 400 for an empty one.
    asks = route.path.endswith("rules/preview") or issubclass(
        route.view.cls, PrometheusAPI
    )
    assert response.status_code in {403, 404, 405, *([200, 400] if asks else [])}
    assert AuditEntry.unscoped.count() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("topic", [*topics.names(), "custom.x"])
async def test_a_stranger_hears_and_sees_nothing_on_the_socket(
    cast, topic, redis_client
):
    from config.asgi import application

    acme = await sync_to_async(_things_once)(cast)
    secret = await sync_to_async(make_token)(await sync_to_async(lambda: cast.globex)())
    headers = [(b"authorization", f"Bearer {secret}".encode())]
    socket = WebsocketCommunicator(application, "/ws/live", headers)
    await socket.connect()
    await socket.receive_from()
    for action in ("subscribe", "request"):
        await socket.send_to(
            json.dumps({"action": action, "topic": topic, "after": "0-0"})
        )
        assert ACME not in await socket.receive_from(timeout=5)

    await sync_to_async(publish)(acme.pk, topic, {"line": ACME})

    assert await socket.receive_nothing(timeout=0.2)
    await socket.disconnect()


def _things_once(cast):
    with transaction.atomic():
        make_things(cast, None, ACME)
    return cast.acme
