"""The web process: ingest edge, pages and REST, and the one socket."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

from config.services.pooling import use_pool
from config.services.sharing import ensure_running
from config.services.web_server import spare_work

# A web process that is run alone brings the embedded servers with it.
ensure_running()
use_pool(settings.DATABASES["default"], size=settings.DB_POOL_SIZE)
django.setup(set_prefix=False)

# Models may be imported only after Django is set up.
from config.guard import RequestGuard  # noqa: E402 - see above
from config.handler import SynchronousHandler  # noqa: E402 - see above
from monitoring.api.loki.tail import TailConsumer  # noqa: E402 - see above
from monitoring.consumers import LiveConsumer  # noqa: E402 - see above
from sources.ingest import IngestEdge  # noqa: E402 - see above
from sources.ingest.channel import take_connections  # noqa: E402 - see above

edge = IngestEdge(RequestGuard(SynchronousHandler()))

application = ProtocolTypeRouter(
    {
        "http": edge,
        "websocket": AuthMiddlewareStack(
            URLRouter(
                [
                    path("ws/live", LiveConsumer.as_asgi()),
                    path("loki/api/v1/tail", TailConsumer.as_asgi()),
                ]
            )
        ),
    }
)

spare_work()
take_connections(edge)
