"""What a push is bound to: a push source by name, or the API itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.scope import Scope
from sources.models import Source
from sources.processing import RateLimit
from sources.services.kinds import KINDS
from sources.services.rate_limits import rate_limit_of

# The `source` label of what is pushed without naming a source.
API_SOURCE = "api"


class UnknownSourceError(LookupError):
    """The scope sees no source of that name."""


class UnusableSourceError(Exception):
    """The source takes no pushes; the text says why."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Whose the telemetry is, and what is put on it.

    Every log stream has the label `source`; a series has it where a source is named.
    """

    source_id: int | None
    team_id: int | None
    priority: int
    labels: Mapping[str, str]
    rate_limit: RateLimit | None = None

    @property
    def series_labels(self) -> Mapping[str, str]:
        return {} if self.source_id is None else self.labels


def binding_to_api(team_id: int | None) -> Binding:
    return Binding(None, team_id, Source.Priority.NORMAL, {"source": API_SOURCE})


def binding_to_source(scope: Scope, name: str) -> Binding:
    """Raises UnknownSourceError and UnusableSourceError."""
    same = Source.objects.visible_to(scope).filter(name=name)
    source = None if "\0" in name else same.first()  # PostgreSQL has no such text
    if source is None:
        raise UnknownSourceError(f"There is no source {name[:100]!r}.")
    if not KINDS[source.kind].takes_pushes:
        raise UnusableSourceError(
            f"Source {name!r} is of kind {source.kind}: only push sources take pushes."
        )
    if not source.enabled:
        raise UnusableSourceError(f"Source {name!r} is disabled: enable it first.")
    labels = {**source.labels, "source": source.name}
    limit = rate_limit_of(source.processing)
    return Binding(source.pk, source.team_id, source.priority, labels, limit)
