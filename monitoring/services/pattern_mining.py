"""Mining templates from samples of stored lines, a few batches at a time.

One process at a time mines for an organization: what it has counted and how far it has
come are one commit. The trees that templates are found with are rebuilt from those that
are stored, unless this process has them still.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from django.db import connection, transaction
from redis import RedisError

from accounts.models import Organization
from accounts.scope import Scope
from monitoring.analytics.masking import masked
from monitoring.analytics.templates import MAX_TEMPLATES, Miner
from monitoring.live import handover
from monitoring.live.handover import WEIGHT, Offer
from monitoring.models import LogPattern, LogStream, PatternState
from monitoring.moments import EPOCH, moment_of
from monitoring.services import pattern_news
from monitoring.services.append import LimitExceededError
from monitoring.services.pattern_news import Stream
from monitoring.store import registry
from monitoring.store.owner import Owner

logger = logging.getLogger(__name__)

# Batches that are mined in one commit, and what they may hold of streams.
MAX_OFFERS = 16
MAX_STREAMS = 500
MAX_SAMPLE = 1000

_MINUTE_NS = 60 * 10**9

_ADD_UP = """
UPDATE monitoring_logpattern AS old SET
    count = old.count + new.count, template = new.template,
    first_seen = LEAST(old.first_seen, new.first_seen),
    last_seen = GREATEST(old.last_seen, new.last_seen)
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[],
            %s::timestamptz[]) AS new(id, count, template, first_seen, last_seen)
WHERE old.id = new.id
"""
_ADD_HOUR = """
INSERT INTO monitoring_logpatternhour AS old (pattern_id, hour, counts)
VALUES (%s, %s, %s)
ON CONFLICT (pattern_id, hour) DO UPDATE SET counts = ARRAY(
    SELECT a + b FROM unnest(old.counts, excluded.counts) WITH ORDINALITY AS u(a, b, n)
    ORDER BY n)
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Lines of one stream and level have their templates to themselves."""

    stream_id: int
    level: int


@dataclass(slots=True)
class Seen:
    """What a round has found of one template."""

    sample: str
    count: float = 0
    first_ns: int = 2**63 - 1
    last_ns: int = 0
    minutes: dict[int, float] = field(default_factory=dict)

    def add(self, count: float, minute: int, first_ns: int, last_ns: int) -> None:
        self.count += count
        self.first_ns = min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)
        self.minutes[minute] = self.minutes.get(minute, 0) + count


@dataclass(slots=True)
class Templates:
    """A kind's miner, and the rows of the templates it knows."""

    miner: Miner = field(default_factory=Miner)
    rows: dict[int, int] = field(default_factory=dict)


# The miners of recent organizations, true up to the cursor they are kept with.
_kept: dict[int, tuple[str, dict[Kind, Templates]]] = {}
_MOST_KEPT = 16


def forget_miners() -> None:
    """Empty the caches, as a new process has them."""
    _kept.clear()


def organizations_to_mine() -> list[int]:
    return handover.organizations()


def mine(organization_id: int, *, now: datetime) -> int:
    """Mine what waits for an organization; return the number of batches.

    0 also where another process is at it. Raises RedisError.
    """
    with transaction.atomic():
        state = _claim(organization_id)
        if state is None:
            return 0
        offers = list(
            handover.offers_after(organization_id, state.cursor, most=MAX_OFFERS)
        )
        if not offers:
            return 0
        _Round(state, now).run(offers)
        state.cursor = offers[-1].id
        state.save(update_fields=["cursor"])
    return len(offers)


def mine_all_waiting(organization_id: int, *, now: datetime, rounds: int) -> int:
    """Do so again and again, until nothing waits or so many rounds are over."""
    mined = 0
    try:
        for _ in range(rounds):
            found = mine(organization_id, now=now)
            mined += found
            if found < MAX_OFFERS:
                break
    except RedisError as error:
        logger.warning("Patterns are not mined: %s", error)
    return mined


def _claim(organization_id: int) -> PatternState | None:
    if not Organization.objects.filter(pk=organization_id).exists():
        handover.forget(organization_id)
        return None
    PatternState.objects.get_or_create(organization_id=organization_id)
    states = PatternState.objects.select_for_update(skip_locked=True)
    return states.select_related("organization").filter(pk=organization_id).first()


class _Round:
    """One commit's worth of mining."""

    def __init__(self, state: PatternState, now: datetime) -> None:
        self.state, self.now = state, now
        organization = state.organization
        self.scope = Scope.of_system(organization.pk, organization.slug)
        cursor, kinds = _kept.pop(organization.pk, ("", {}))
        self.kinds = kinds if cursor == state.cursor else {}
        self.streams: dict[int, Stream] = {}
        self.seen: dict[tuple[Kind, int], Seen] = {}

    def run(self, offers: Sequence[Offer]) -> None:
        for offer in offers:
            self._count(offer)
        created = self._write()
        self._delete_forgotten()
        mined = ((kind.stream_id, kind.level) for kind, _ in self.seen)
        pattern_news.tell(self.scope, created, self.streams, mined, now=self.now)
        self._keep(offers[-1].id)

    # --- Counting ------------------------------------------------------------------

    def _count(self, offer: Offer) -> None:
        ids = self._resolve(offer)
        table = _grouped(offer.batch.table)
        kinds = {
            Kind(ids[stream], level)
            for stream, level in set(
                zip(
                    table["stream"].to_pylist(), table["level"].to_pylist(), strict=True
                )
            )
            if ids[stream]
        }
        self._load(kinds - self.kinds.keys())
        lines = offer.batch.table.column("line").take(table["row_min"]).to_pylist()
        columns = ("stream", "level", "masked", "minute", "weight_sum")
        times = ("ts_ns_min", "ts_ns_max")
        rows = zip(
            *(table[name].to_pylist() for name in (*columns, *times)),
            lines,
            strict=True,
        )
        for stream, level, text, minute, weight, first, last, line in rows:
            if not ids[stream]:
                continue
            kind = Kind(ids[stream], level)
            number = self.kinds[kind].miner.add(text)
            seen = self.seen.get((kind, number))
            if seen is None:
                seen = self.seen[kind, number] = Seen(_storable(line))
            seen.add(weight, minute, first, last)

    def _resolve(self, offer: Offer) -> list[int]:
        """Return the id of each stream; 0 for those that are too many."""
        labels = offer.batch.streams[:MAX_STREAMS]
        owner = Owner(self.scope.organization_id, offer.team_id)
        try:
            ids = registry.resolve_streams(owner, labels, limit=lambda: 0, now=self.now)
        except LimitExceededError:
            # A stream that is there no more; the others come again.
            return [0] * len(offer.batch.streams)
        unknown = [pk for pk in ids if pk not in self.streams]
        born = dict(
            LogStream.unscoped.filter(pk__in=unknown).values_list("pk", "created_at")
        )
        for pk, pairs in zip(ids, labels, strict=True):
            if pk in born:
                self.streams[pk] = Stream(offer.team_id, pairs, born[pk])
        return [*ids, *[0] * (len(offer.batch.streams) - len(ids))]

    def _load(self, kinds: Iterable[Kind]) -> None:
        """Rebuild miners from the templates that are stored, oldest first."""
        wanted = set(kinds)
        self.kinds |= {kind: Templates() for kind in wanted}
        rows = LogPattern.unscoped.filter(
            organization_id=self.scope.organization_id,
            stream_id__in={kind.stream_id for kind in wanted},
        ).order_by("last_seen", "pk")
        for pk, stream_id, level, template in rows.values_list(
            "pk", "stream_id", "level", "template"
        ):
            kind = Kind(stream_id, level)
            if kind in wanted:
                templates = self.kinds[kind]
                templates.rows[templates.miner.add(template)] = pk

    # --- Writing -------------------------------------------------------------------

    def _write(self) -> list[LogPattern]:
        created: dict[tuple[Kind, int], LogPattern] = {}
        added: list[tuple[int, int, str, datetime, datetime]] = []
        for (kind, number), seen in self.seen.items():
            templates = self.kinds[kind]
            template = _storable(templates.miner.template(number))
            times = moment_of(seen.first_ns), moment_of(seen.last_ns)
            pk = templates.rows.get(number)
            if pk is None:
                created[kind, number] = self._row(kind, template, seen, times)
            else:
                added.append((pk, round(seen.count), template, *times))
        for (kind, number), row in zip(
            created, LogPattern.unscoped.bulk_create(created.values()), strict=True
        ):
            self.kinds[kind].rows[number] = row.pk
        with connection.cursor() as cursor:
            if added:
                cursor.execute(_ADD_UP, [list(one) for one in zip(*added, strict=True)])
            cursor.executemany(_ADD_HOUR, list(self._hours()))
        return list(created.values())

    def _row(
        self, kind: Kind, template: str, seen: Seen, times: tuple[datetime, datetime]
    ) -> LogPattern:
        return LogPattern(
            organization_id=self.scope.organization_id,
            team_id=self.streams[kind.stream_id].team_id,
            stream_id=kind.stream_id,
            level=kind.level,
            template=template,
            sample=seen.sample,
            count=round(seen.count),
            first_seen=times[0],
            last_seen=times[1],
        )

    def _hours(self) -> Iterable[tuple[int, datetime, list[int]]]:
        hours: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * 60)
        for (kind, number), seen in self.seen.items():
            pk = self.kinds[kind].rows[number]
            for minute, count in seen.minutes.items():
                hours[pk, minute // 60][minute % 60] += round(count)
        for (pk, hour), counts in sorted(hours.items()):
            yield pk, EPOCH + timedelta(hours=hour), counts

    def _delete_forgotten(self) -> None:
        gone: list[int] = []
        for kind in {kind for kind, _ in self.seen}:
            templates = self.kinds[kind]
            numbers = [n for n in templates.rows if n not in templates.miner]
            gone += [templates.rows.pop(number) for number in numbers]
            if numbers:
                templates.miner.forget()
        if gone:
            LogPattern.unscoped.filter(pk__in=gone).delete()

    def _keep(self, cursor: str) -> None:
        """Keep the miners for the next round, once this one is committed."""
        organization_id, kinds = self.scope.organization_id, self.kinds
        if len(kinds) * MAX_TEMPLATES > 200 * MAX_STREAMS:
            return

        def keep() -> None:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[organization_id] = cursor, kinds

        transaction.on_commit(keep)


def _grouped(table: pa.Table) -> pa.Table:
    """Return the different texts of each stream, level and minute."""
    lines = table.column("line").combine_chunks()
    minutes = table.column("ts_ns").to_numpy() // _MINUTE_NS
    columns = {
        "stream": table.column("stream"),
        "level": table.column("level"),
        "masked": masked(lines),
        "minute": pa.array(minutes),
        "ts_ns": table.column("ts_ns"),
        WEIGHT: table.column(WEIGHT),
        "row": pa.array(np.arange(len(lines))),
    }
    grouped = pa.table(columns).group_by(
        ["stream", "level", "masked", "minute"], use_threads=False
    )
    return grouped.aggregate(
        [(WEIGHT, "sum"), ("ts_ns", "min"), ("ts_ns", "max"), ("row", "min")]
    )


def _storable(text: str) -> str:
    return text[:MAX_SAMPLE].replace("\0", "")
