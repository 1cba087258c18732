"""The admin: open to administrators, and to them only what is theirs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    AuditEntry,
    Membership,
    Organization,
    ProcessHeartbeat,
    Team,
    TeamMembership,
    User,
)
from accounts.scope import Role, TeamRole
from accounts.services.audit import first_break
from alerts.models import NotificationChannel, Rule, RuleGroup, Transition
from monitoring.models import (
    DeleteRequest,
    LogStream,
    Metric,
    RetentionRule,
    Series,
)
from sources.models import (
    BatchKind,
    Cursor,
    DeadLetter,
    Heartbeat,
    InboxBatch,
    LogFormat,
    PipelineMinute,
    Source,
)
from tests.factories.accounts import (
    PASSWORD,
    MembershipFactory,
    UserFactory,
    make_token,
)
from tests.factories.alerts import make_alert, make_channel, make_rule, threshold_draft
from tests.factories.sources import SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
OURS = {"accounts", "monitoring", "alerts", "sources"}
MODELS = [model for model in REGISTERED if model._meta.app_label in OURS]
OPERATORS = [m for m in REGISTERED if m not in MODELS or m in {User, ProcessHeartbeat}]
SHARED = [model for model in MODELS if model not in OPERATORS]
READ_ONLY = {
    "accounts.ApiToken",
    "accounts.AuditEntry",
    "alerts.Alert",
    "alerts.Notification",
    "alerts.RuleGroup",
    "accounts.ProcessHeartbeat",
    "monitoring.DeleteRequest",
    "monitoring.LogStream",
    "monitoring.Metric",
    "monitoring.Series",
    "sources.Cursor",
    "sources.DeadLetter",
    "sources.InboxBatch",
    "sources.PipelineMinute",
}
# What machines keep for themselves: shown with its thing, or of no use to people.
UNSEEN = {
    "accounts.TeamMembership",
    "alerts.PatternCount",
    "alerts.RuleGroupState",
    "alerts.RuleLevel",
    "alerts.RuleState",
    "alerts.Transition",
    "monitoring.ArchiveFile",
    "monitoring.ArchivePiece",
    "monitoring.DeltaTotal",
    "monitoring.Exemplar",
    "monitoring.LifecycleState",
    "monitoring.LogBlock",
    "monitoring.LogPattern",
    "monitoring.LogPatternHour",
    "monitoring.PatternState",
    "monitoring.RetentionPass",
    "monitoring.SampleBlock",
    "sources.HeartbeatFlip",
    "sources.HeartbeatPing",
    "sources.IngestReceipt",
    "sources.KnownValue",
    "sources.PingKey",
    "sources.PushedGroup",
    "sources.SourceMinute",
    "sources.SourceState",
    "sources.SourceStream",
    "sources.SourceTargets",
}


def furnish(cast, organization, team, word) -> dict[type[models.Model], int]:
    """Make one of everything in the organization; return its ids."""
    now = timezone.now()
    person = UserFactory(email=f"{word}@example.org", name=word)
    membership = MembershipFactory(user=person, organization=organization)
    make_token(organization, name=word)
    channel = make_channel(organization, word, secret=f"{word}-hush")
    rule = make_rule(organization, threshold_draft(name=word, query=word))
    alert = make_alert(organization, name=word, rule=rule)
    transition = Transition.unscoped.create(
        organization=organization, alert=alert, at=now, to_status="firing", reason=word
    )
    notification = alert.notifications.create(
        organization=organization,
        transition=transition,
        channel=channel,
        created_at=now,
        next_attempt_at=now,
    )
    source = SourceFactory(organization=organization, name=word, labels={"w": word})
    waiting = {"organization": organization, "source": source, "priority": 1}
    batch = {"kind": BatchKind.LOGS, "payload": b"", "count": 1, "size": 1}
    letter = DeadLetter.unscoped.create(
        **waiting, **batch, received_at=now, failed_at=now, attempts=1, error=word
    )
    inbox = InboxBatch.objects.create(**waiting, **batch, received_at=now)
    cursor = Cursor.objects.create(
        source=source, path=word, device=1, inode=1, head_length=0, head_hash=""
    )
    minute = PipelineMinute.objects.create(organization=organization, minute=now)
    metric = Metric.unscoped.create(organization=organization, name=word)
    series = Series.unscoped.create(
        organization=organization,
        metric=metric,
        labels={"w": word},
        fingerprint=1,
        last_seen=now,
    )
    stream = LogStream.unscoped.create(
        organization=organization, labels={"w": word}, fingerprint=1, last_seen=now
    )
    group = RuleGroup.unscoped.create(
        organization=organization, namespace=word, name=word
    )
    rule_of_time = RetentionRule.unscoped.create(
        organization=organization,
        signal="logs",
        selector="{}",
        position=1,
        keep_for=timedelta(days=1),
    )
    request = DeleteRequest.unscoped.create(
        organization=organization,
        signal="logs",
        selectors=[word],
        start_ns=0,
        end_ns=1,
        ids=[],
        marker=0,
        age=0,
        created_at=now,
    )
    job = Heartbeat.unscoped.create(organization=organization, name=word)
    written = LogFormat.unscoped.create(
        organization=organization, name=word, syntax="pattern", expression="<line>"
    )
    made = [group, rule_of_time, request, job, written]
    made += [membership, channel, rule, alert, notification, source, letter, inbox]
    made += [cursor, minute, metric, series, stream, person, organization, team]
    made += [organization.apitoken_set.get(), organization.auditentry_set.first()]
    return {type(thing): thing.pk for thing in made}


@pytest.fixture
def acme(cast):
    return furnish(cast, cast.acme, cast.payments, "anvil")


@pytest.fixture
def globex(cast):
    theirs = Team.unscoped.create(organization=cast.globex, slug="laser", name="Laser")
    return furnish(cast, cast.globex, theirs, "moonbeam")


@pytest.fixture
def heartbeat(db):
    return ProcessHeartbeat.objects.create(
        name="beat-1",
        kind="beat",
        pid=1,
        started_at=timezone.now(),
        beat_at=timezone.now(),
    )


@pytest.fixture
def root(client, acme, globex):
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    return client


@pytest.fixture
def owner(client, cast, acme, globex):
    client.force_login(cast.alice)
    return client


@pytest.fixture
def manager(client, cast, acme, globex):
    """An admin of Acme, who is not its owner."""
    client.force_login(MembershipFactory(organization=cast.acme, role=Role.ADMIN).user)
    return client


def page(model, name="changelist", *args) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=args)


def form_of(response) -> dict:
    """Return what a browser would send of the page's form, unchanged."""
    context = response.context
    data = _values_of(context["adminform"].form)
    for wrapped in context["inline_admin_formsets"]:
        formset = wrapped.formset
        for form in [formset.management_form, *formset.forms]:
            data |= _values_of(form)
    return data


def _values_of(form) -> dict:
    values = {}
    for name in form.fields:
        field = form[name]
        value = field.value()
        if value is None or value is False or value == "":
            continue
        values[field.html_name] = getattr(value, "pk", value)
    return values


def errors_of(response) -> str:
    assert response.status_code == 200
    form = response.context["adminform"].form
    told = str(form.errors)
    for wrapped in response.context["inline_admin_formsets"]:
        told += str(wrapped.formset.non_form_errors()) + str(wrapped.formset.errors)
    return told


def actions_of(cast) -> list[str]:
    entries = AuditEntry.unscoped.filter(organization=cast.acme)
    return list(entries.order_by("sequence").values_list("action", flat=True))


def test_every_model_is_in_the_admin_or_shown_with_its_thing():
    known = {m._meta.label for m in apps.get_models() if m._meta.app_label in OURS}

    assert known == {model._meta.label for model in MODELS} | UNSEEN


def test_schedules_that_call_any_function_are_not_in_the_admin(root):
    assert root.get("/admin/django_q/schedule/").status_code == 404


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
def test_a_superuser_opens_every_page(root, acme, globex, heartbeat, model):
    pk = acme.get(model, heartbeat.pk)

    listed = root.get(page(model))
    opened = root.get(page(model, "change", pk))
    added = root.get(page(model, "add"))

    assert (listed.status_code, opened.status_code) == (200, 200)
    assert added.status_code == (403 if model._meta.label in READ_ONLY else 200)


@pytest.mark.parametrize("model", OPERATORS, ids=lambda m: m._meta.label)
def test_what_no_organization_owns_is_for_superusers(root, model):
    assert root.get(page(model)).status_code == 200


@pytest.mark.parametrize("model", OPERATORS, ids=lambda m: m._meta.label)
@pytest.mark.parametrize("name", ["changelist", "add"])
def test_what_no_organization_owns_is_closed_to_administrators(owner, model, name):
    assert owner.get(page(model, name)).status_code == 403


@pytest.mark.parametrize("model", SHARED, ids=lambda m: m._meta.label)
@pytest.mark.parametrize("person", ["owner", "manager"])
def test_administrators_see_their_organizations_things_only(
    request, acme, globex, model, person
):
    client = request.getfixturevalue(person)

    listed = client.get(page(model))
    own = client.get(page(model, "change", acme[model]))
    added = client.get(page(model, "add"))
    theirs = client.get(page(model, "change", globex[model]), follow=True)

    bodies = [r.content.decode().lower() for r in (listed, own, added, theirs)]
    assert (listed.status_code, own.status_code) == (200, 200)
    assert added.status_code in {200, 403}
    assert listed.context["cl"].result_count >= 1
    assert not [b for b in bodies if re.search("globex|moonbeam|laser|mallory", b)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
@pytest.mark.parametrize("action", ["change", "delete", "history"])
def test_nobody_writes_what_is_anothers(owner, globex, model, action):
    pk = globex.get(model, 1)

    response = owner.post(page(model, action, pk), {"post": "yes"})

    assert response.status_code in {302, 403}
    if model in globex:
        assert model._base_manager.filter(pk=pk).exists()


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
def test_members_and_strangers_do_not_get_in(client, cast, acme, model):
    unknown = client.get(page(model))
    client.force_login(cast.bob)
    member = client.get(page(model))

    assert unknown.status_code == 302
    assert "/admin/" not in unknown.url.partition("?")[0] or "login" in unknown.url
    assert client.get(page(model), follow=True).status_code == 403
    assert member.status_code in {302, 403}


def test_the_admin_has_no_door_of_its_own_that_counts_no_tries(client, cast):
    response = client.post(
        "/admin/login/?next=/admin/sources/source/",
        {"username": cast.alice.email, "password": PASSWORD},
    )

    assert (response.status_code, response.url) == (
        302,
        "/login/?next=/admin/sources/source/",
    )
    assert "_auth_user_id" not in client.session


# --- Writing ---------------------------------------------------------------------------


def test_a_rule_is_saved_unchanged_by_whoever_administers(owner, cast, acme):
    address = page(Rule, "change", acme[Rule])

    response = owner.post(address, form_of(owner.get(address)) | {"name": "hammer"})

    assert response.status_code == 302, errors_of(response)
    rule = Rule.unscoped.get(pk=acme[Rule])
    assert (rule.name, rule.levels.count()) == ("hammer", 2)
    assert actions_of(cast)[-1] == "rule.update"


BAD_RULES = {
    "query": ({"query": "sum("}, "This is not PromQL"),
    "pattern": ({"kind": "pattern", "query": "", "pattern": "("}, "does not compile"),
    "threshold": ({"levels-0-threshold": "many"}, "Enter a number"),
    "labels": ({"labels": "{"}, "Enter a valid JSON"),
    "name": ({"name": ""}, "This field is required"),
    "taken": ({"name": "taken"}, "Another rule has this name"),
}


@pytest.mark.parametrize(("change", "told"), BAD_RULES.values(), ids=list(BAD_RULES))
def test_a_bad_rule_is_an_error_of_the_form(owner, cast, acme, change, told):
    make_rule(cast.acme, threshold_draft(name="taken"))
    address = page(Rule, "change", acme[Rule])
    before = actions_of(cast)

    response = owner.post(address, form_of(owner.get(address)) | change)

    assert told in errors_of(response)
    assert Rule.unscoped.get(pk=acme[Rule]).query == "anvil"
    assert actions_of(cast) == before


NEW_SOURCE = {"kind": "push", "name": "new", "config": "{}", "labels": "{}"}


@pytest.mark.parametrize("model", [Rule, Source, NotificationChannel, Team])
def test_an_admin_adds_what_is_audited(owner, cast, acme, model):
    levels = {"TOTAL_FORMS": "1", "INITIAL_FORMS": "0", "0-position": "0"}
    levels |= {"0-severity": "warning", "0-comparator": "gt", "0-threshold": "1"}
    levels |= {"0-hold_seconds": "0", "0-keep_firing_seconds": "0"}
    data = {
        Rule: {"kind": "threshold", "query": "cpu", "labels": "{}", "matchers": "[]"}
        | {"annotations": "{}", "no_data": "keep"}
        | {"window_seconds": "60", "interval_seconds": "15"}
        | {f"levels-{name}": value for name, value in levels.items()},
        Source: NEW_SOURCE | {"priority": "1"},
        NotificationChannel: {"kind": "email", "config": '{"addresses": ["a@b.org"]}'},
        Team: {"slug": "new", "memberships-TOTAL_FORMS": "0"}
        | {"memberships-INITIAL_FORMS": "0"},
    }[model]

    common = {"name": "new", "organization": cast.acme.pk}
    response = owner.post(page(model, "add"), data | common)

    assert response.status_code == 302, errors_of(response)
    assert model._base_manager.get(name="new").organization_id == cast.acme.pk
    assert actions_of(cast)[-1].endswith(".create")


BAD_SOURCES = {
    "root": (
        {"kind": "file", "config": '{"paths": ["/etc/passwd"]}'},
        "outside the allowed directories",
    ),
    "builtin": (
        {"kind": "file", "config": '{"paths": ["/x"], "builtin": "platform-logs"}'},
        "There is no such setting",
    ),
    "json": ({"config": "{"}, "Enter a valid JSON"),
    "list": ({"config": "[1]"}, "This must be an object"),
    "labels": ({"labels": '{"a-b": "c"}'}, "a-b"),
    "name": ({"name": "anvil"}, "already"),
}


@pytest.mark.parametrize(
    ("change", "told"), BAD_SOURCES.values(), ids=list(BAD_SOURCES)
)
def test_a_bad_source_is_an_error_of_the_form(owner, cast, acme, change, told):
    data = NEW_SOURCE | {"organization": cast.acme.pk, "priority": "1"} | change

    response = owner.post(page(Source, "add"), data)

    assert told in errors_of(response)
    assert Source.unscoped.filter(organization=cast.acme).count() == 1


BAD_CHANNELS = {
    "url": ({"config": '{"url": "gopher://x"}'}, "http"),
    "config": ({"config": '{"post_box": "x"}'}, "post_box"),
    "kind": ({"kind": "pigeon"}, "pigeon"),
    "taken": ({"name": "taken"}, "name"),
}


@pytest.mark.parametrize(
    ("change", "told"), BAD_CHANNELS.values(), ids=list(BAD_CHANNELS)
)
def test_a_bad_channel_is_an_error_of_the_form(owner, cast, acme, change, told):
    make_channel(cast.acme, "taken")
    address = page(NotificationChannel, "change", acme[NotificationChannel])

    response = owner.post(address, form_of(owner.get(address)) | change)

    assert told in errors_of(response)


def test_a_secret_is_kept_but_shown_nowhere(owner, cast, acme):
    address = page(NotificationChannel, "change", acme[NotificationChannel])
    opened = owner.get(address)

    response = owner.post(address, form_of(opened) | {"secret": "open sesame"})

    assert response.status_code == 302
    shown = opened.content.decode() + owner.get(address).content.decode()
    logged = str(list(AuditEntry.unscoped.values_list("before", "after")))
    for secret in ("anvil-hush", "open sesame"):
        assert secret not in shown
        assert secret not in logged


@pytest.mark.parametrize("model", [Rule, Source, NotificationChannel, Team])
def test_a_superuser_cannot_mix_or_move_organizations(root, cast, acme, globex, model):
    address = page(model, "change", acme[model])
    data = form_of(root.get(address)) | {"organization": cast.globex.pk}

    moved = root.post(address, data)
    mixed = root.post(address, form_of(root.get(address)) | {"team": globex[Team]})

    thing = model._base_manager.get(pk=acme[model])
    assert moved.status_code == 302
    assert thing.organization_id == cast.acme.pk
    if model is not Team:
        assert re.search("of another organization|no such team", errors_of(mixed))
        assert thing.team_id is None


def test_members_of_a_team_are_chosen_from_ones_own_people(owner, cast, acme):
    address = page(Team, "change", acme[Team])
    data = form_of(owner.get(address)) | {
        "memberships-TOTAL_FORMS": "1",
        "memberships-0-user": cast.alice.pk,
        "memberships-0-team": acme[Team],
        "memberships-0-role": TeamRole.MAINTAINER.value,
    }

    stranger = owner.post(address, data | {"memberships-0-user": cast.mallory.pk})
    mine = owner.post(address, data)

    assert "Select a valid choice" in errors_of(stranger)
    assert mine.status_code == 302
    assert TeamMembership.objects.get(team=acme[Team]).user == cast.alice
    assert actions_of(cast)[-1] == "teammembership.create"


def test_an_admin_can_make_nobody_an_owner(manager, cast, acme):
    address = page(Membership, "change", acme[Membership])

    owner = manager.post(address, {"role": Role.OWNER.value})
    promoted = manager.post(address, {"role": Role.ADMIN.value})

    assert "Only an owner makes another owner." in errors_of(owner)
    assert promoted.status_code == 302
    assert Membership.objects.get(pk=acme[Membership]).role == Role.ADMIN


def test_an_admin_can_neither_change_nor_remove_an_owner(manager, cast, acme):
    membership = cast.alice.memberships.get()

    answers = [
        manager.post(page(Membership, "change", membership.pk), {"role": "1"}),
        manager.post(page(Membership, "delete", membership.pk), {"post": "yes"}),
        manager.post(
            page(Membership),
            {
                "action": "delete_selected",
                "_selected_action": [membership.pk],
                "post": "yes",
            },
        ),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert cast.alice.memberships.get().role == Role.OWNER


def test_an_organizations_limits_are_the_operators(manager, cast, acme):
    manager.post(
        page(Organization, "change", cast.acme.pk),
        {"name": "Acme Ltd", "slug": "acme", "max_series": 1},
    )

    organization = Organization.objects.get(slug="acme")
    assert (organization.name, organization.max_series) == ("Acme Ltd", 1_000_000)


@pytest.mark.parametrize("model", [Rule, Source, NotificationChannel, Metric])
@pytest.mark.parametrize("way", ["one", "selected"])
def test_what_is_deleted_is_gone_and_told(owner, cast, acme, model, way):
    pk = acme[model]

    if way == "one":
        answer = owner.post(page(model, "delete", pk), {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        answer = owner.post(page(model), chosen)

    assert answer.status_code == 302, answer.content.decode()
    assert not model._base_manager.filter(pk=pk).exists()
    assert any(action.endswith(".delete") for action in actions_of(cast))
    assert first_break(cast.acme.pk) is None


def test_what_becomes_of_a_user_is_told_in_their_organizations(root, cast, acme):
    address = page(User, "change", cast.alice.pk)

    changed = root.post(address, form_of(root.get(address)) | {"is_superuser": "on"})
    deleted = root.post(page(User, "delete", acme[User]), {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (302, 302)
    assert actions_of(cast)[-2:] == ["user.update", "user.delete"]
    assert "password" not in AuditEntry.unscoped.get(action="user.update").after


def test_old_entries_are_found_by_filters_that_name_nobody_else(owner, acme, globex):
    AuditEntry.unscoped.filter(pk=globex[AuditEntry]).update(
        action="secret.deed", at=timezone.now() - timedelta(days=1)
    )

    body = owner.get(page(AuditEntry)).content.decode()

    assert "secret.deed" not in body
    assert "Globex" not in body
