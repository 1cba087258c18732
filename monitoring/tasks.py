from __future__ import annotations

import logging
import time

from django.utils import timezone

from monitoring.services import (
    archive,
    compaction,
    deletion,
    pattern_mining,
    patterns,
    retention,
)

logger = logging.getLogger(__name__)

# After this long beat's next call goes on, so that a worker can be stopped in between.
_SECONDS = 20
_MOST_ROUNDS = 8


def compact(organization_id: int) -> None:
    """Merge until nothing is worth it, or another worker does it already."""
    deadline = time.monotonic() + _SECONDS
    try:
        for merged in compaction.compact(organization_id, now=timezone.now()):
            if not merged or time.monotonic() > deadline:
                return
    except compaction.SourcesGoneError as error:
        logger.info("Compaction stopped, to be tried again: %s", error)


def compact_finished_days() -> None:
    """Look at every organization: also at those that have stopped sending."""
    for organization_id in compaction.all_organizations():
        compact(organization_id)


def prepare_partitions() -> None:
    retention.prepare_partitions(timezone.now())


def apply_retention() -> None:
    outcome = retention.apply_retention(timezone.now())
    logger.info("Retention: %s", outcome)
    forgotten = patterns.forget(timezone.now())
    if forgotten:
        logger.info("Patterns forgotten: %s", forgotten)


def mine_patterns(organization_id: int) -> None:
    """Mine what waits; beat's next call goes on with the rest."""
    pattern_mining.mine_all_waiting(
        organization_id, now=timezone.now(), rounds=_MOST_ROUNDS
    )


def delete_requested() -> None:
    """Work off the requests that may no longer be taken back."""
    done = deletion.work_off(timezone.now())
    if done:
        logger.info("Delete requests done: %s", done)


def archive_old_days() -> None:
    moved = archive.archive_all(timezone.now(), seconds=_SECONDS)
    if moved:
        logger.info("Archived %s records", moved)


def sweep_archive() -> None:
    try:
        swept = archive.sweep(timezone.now())
    except archive.VaultError as error:
        logger.warning("The archive cannot be swept, to be tried again: %s", error)
    else:
        logger.info("Archive files deleted: %s", swept)
