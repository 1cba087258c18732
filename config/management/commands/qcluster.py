from __future__ import annotations

import os
import sys
from typing import Any

from django_q import cluster
from django_q.management.commands import qcluster
from typing_extensions import override

from config.services.queue_sentinel import QueueSentinel

_VARIABLE = "Q_CLUSTER_NAME"


class Command(qcluster.Command):
    help = "Runs the workers of one queue: default, or --name ingest."

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        name = options["cluster_name"]
        if name and os.environ.get(_VARIABLE) != name:
            # django-q2 has read its configuration already; only a new start counts.
            os.environ[_VARIABLE] = name
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606
        cluster.Sentinel = QueueSentinel
        super().handle(*args, **options)
