from __future__ import annotations

from django.utils import timezone

from accounts.services import heartbeats


def worker_heartbeat(cluster: str) -> None:
    """Prove that the workers of a queue really run what is enqueued."""
    heartbeats.beat(f"worker-{cluster}", timezone.now())


def forget_dead_processes() -> None:
    heartbeats.forget_the_dead(timezone.now())
