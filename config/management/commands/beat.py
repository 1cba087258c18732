from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from typing_extensions import override

from config.services.beat import Beat, periodic_modules


class Command(BaseCommand):
    help = "Asks every second what is due and enqueues it; one of many leads."

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        beat = Beat(periodic_modules())
        while not stop.is_set():
            beat.tick(timezone.now())
            # The next whole second, so that no second is skipped by drifting.
            stop.wait(1 - timezone.now().microsecond / 1_000_000)
