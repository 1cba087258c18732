"""What is stored, moved and deleted in any order reads as a simple model says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.scope import Scope
from monitoring.labels import Matcher, MatchOp
from monitoring.models import ArchiveFile
from monitoring.services import archive, compaction, deletion, logs, retention
from monitoring.services.append import append_logs, append_samples
from monitoring.services.queries import querier
from monitoring.services.retention_rules import RetentionDraft, create_rule
from monitoring.store import registry
from monitoring.telemetry import nanoseconds
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ENVS = ("prod", "dev")
EVERYTHING = (Matcher("env", MatchOp.NOT_EQUAL, ""),)


@dataclass
class Model:
    """What a reader must see."""

    samples: dict[tuple[str, int], float] = field(default_factory=dict)
    lines: Counter[tuple[str, int, str]] = field(default_factory=Counter)

    def forget(self, signal, doomed):
        if signal == "metrics":
            self.samples = {k: v for k, v in self.samples.items() if not doomed(*k)}
        else:
            kept = {k: n for k, n in self.lines.items() if not doomed(k[0], k[1])}
            self.lines = Counter(kept)


@dataclass
class World:
    scope: Scope
    model: Model = field(default_factory=Model)
    arrivals: int = 0

    def append(self, env, days, hours, count):
        """Store samples and lines of one moment's neighbourhood, doubles included."""
        start = NOW - days * DAY - hours * HOUR
        self.arrivals += 1
        times = [nanoseconds(start + n * timedelta(minutes=7)) for n in range(count)]
        labels = {"__name__": "up", "env": env}
        samples = [
            (labels, ns // 10**6, self.arrivals + n / 8) for n, ns in enumerate(times)
        ]
        append_samples(self.scope, sample_batch(samples), team_id=None, now=NOW)
        lines = [(ns, f"line {self.arrivals}.{n}") for n, ns in enumerate(times)]
        fields = {"n": [None if n % 3 else str(n) for n in range(count)]}
        batch = log_batch(lines, labels={"env": env}, fields=fields)
        append_logs(self.scope, batch, team_id=None, now=NOW)
        for _labels, ms, value in samples:
            self.model.samples[env, ms * 10**6] = value
        self.model.lines.update((env, ns, line) for ns, line in lines)

    def compact(self):
        for _merged in compaction.compact(self.scope.organization_id, now=NOW):
            pass

    def archive(self):
        list(archive.archive_organization(self.scope.organization_id, NOW))

    def delete(self, signal, env, days, hours):
        start = NOW - days * DAY
        end = start + hours * HOUR
        wanted = [(Matcher("env", MatchOp.EQUAL, env),)]
        deletion.request_delete(self.scope, signal, wanted, start, end, now=NOW)
        first, last = nanoseconds(start), nanoseconds(end)
        self.model.forget(signal, lambda e, ns: e == env and first <= ns <= last)

    def work_off(self):
        deletion.work_off(NOW + HOUR)

    def retain(self):
        list(retention.apply_rules(self.scope, NOW))
        first = {"prod": (NOW - 5 * DAY).date(), "dev": (NOW - 2 * DAY).date()}
        for signal in ("metrics", "logs"):
            self.model.forget(
                signal,
                lambda e, ns: datetime.fromtimestamp(ns / 1e9, UTC).date() < first[e],
            )

    def check(self):
        assert self.samples() == self.model.samples
        found = self.lines("backward")
        assert Counter(found) == self.model.lines
        assert found == self.lines("forward")[::-1]
        query = self.query(limit=1)
        assert logs.count_logs(self.scope, query) == len(found)
        volume = logs.log_volume(self.scope, query, 3 * 3600 * 10**9)
        assert sum(sum(bucket.counts.values()) for bucket in volume) == len(found)
        needle = self.query(contains="line 1.")
        wanted = [line for _e, _t, line in found if "line 1." in line]
        assert logs.count_logs(self.scope, needle) == len(wanted)

    def samples(self):
        start, end = (nanoseconds(NOW + d * DAY) // 10**6 for d in (-9, 1))
        data = querier(self.scope).select(EVERYTHING, start, end)
        found = {}
        for place, labels in enumerate(data.labels):
            part = slice(data.offsets[place], data.offsets[place + 1])
            rows = zip(
                data.ts_ms[part].tolist(), data.values[part].tolist(), strict=True
            )
            found |= {(dict(labels)["env"], ms * 10**6): value for ms, value in rows}
        return found

    def lines(self, direction):
        """Read all lines in pages that end in the middle of blocks."""
        found, after = [], None
        while True:
            query = self.query(limit=19, direction=direction, after=after)
            page = logs.read_logs(self.scope, query)
            found += [(r.labels["env"], r.timestamp_ns, r.line) for r in page.records]
            if (after := page.next) is None:
                return found

    def query(self, **more):
        start, end = (nanoseconds(NOW + d * DAY) for d in (-9, 1))
        return logs.LogQuery((), start, end, **more)


env, days, hours = st.sampled_from(ENVS), st.integers(0, 4), st.integers(0, 30)
STEPS = st.one_of(
    st.tuples(st.just("append"), env, days, st.integers(2, 11), st.integers(1, 12)),
    st.tuples(st.just("append"), env, days, st.integers(2, 11), st.integers(1, 12)),
    st.tuples(
        st.just("delete"), st.sampled_from(["metrics", "logs"]), env, days, hours
    ),
    st.tuples(st.sampled_from(["compact", "archive", "work_off", "retain"])),
)


@pytest.fixture
def world(tmp_path, settings):
    registry.forget()
    settings.ARCHIVE_URL, settings.ARCHIVE_AFTER_DAYS = str(tmp_path / "archive"), 1
    settings.LOG_RETENTION_DAYS = settings.METRIC_RETENTION_DAYS = 5
    yield new_world
    registry.forget()


def new_world():
    scope = system_scope(OrganizationFactory())
    for signal in ("metrics", "logs"):
        create_rule(scope, RetentionDraft(signal, 2 * DAY, '{env="dev"}'))
    return World(scope)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=4, max_size=14))
def test_any_order_of_work_leaves_what_the_model_says(world, steps):
    acme = world()
    for name, *arguments in [*steps, ("work_off",), ("archive",), ("retain",)]:
        getattr(acme, name)(*arguments)
        acme.check()


def test_all_the_work_of_a_week_leaves_what_the_model_says(world):
    acme = world()
    for day in range(5):
        for which in ENVS:
            acme.append(which, day, 6, 18)
    steps = [
        ("compact",),
        ("archive",),
        ("append", "prod", 3, 3, 9),
        ("archive",),
        ("delete", "metrics", "prod", 4, 21),
        ("delete", "logs", "prod", 4, 20),
        ("append", "prod", 4, 3, 9),
        ("compact",),
        ("work_off",),
        ("retain",),
        ("archive",),
        ("retain",),
    ]
    for name, *arguments in steps:
        getattr(acme, name)(*arguments)
        acme.check()

    files = ArchiveFile.objects.filter(organization_id=acme.scope.organization_id)
    assert set(files.values_list("status", flat=True)) == {"stored", "dropped"}
    assert list(archive.problems(acme.scope.organization_id)) == []
