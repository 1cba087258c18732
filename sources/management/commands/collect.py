from __future__ import annotations

import resource
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from typing_extensions import override

from sources.services.collecting import Collector
from sources.services.leases import Holder

# Not even a flood of events makes us look more often; it bounds the latency, too.
SHORTEST_REST = 0.005


class Command(BaseCommand):
    help = "Follows files and watches hosts, for the sources it holds leases on."

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        stopping, woken = threading.Event(), threading.Event()

        def stop(*_: object) -> None:
            stopping.set()
            woken.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        _allow_many_files()
        collector = Collector(Holder.of_this_process(), woken.set)
        try:
            while not stopping.is_set():
                woken.clear()
                next_at = collector.step(timezone.now())
                stopping.wait(SHORTEST_REST)
                woken.wait(max(0.0, (next_at - timezone.now()).total_seconds()))
        finally:
            collector.stop()


def _allow_many_files() -> None:
    """A tail keeps its files open: take what the system grants at most."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
