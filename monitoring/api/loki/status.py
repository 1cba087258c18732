"""What answers, and that it is there."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from typing_extensions import override

from monitoring.api.loki.base import LokiReadOnlyAPI
from monitoring.api.loki.envelope import bad_request, bare
from monitoring.api.prometheus.parameters import Parameters

# Clients choose by it what they may ask: it is the Loki that we answer like.
COMPATIBLE_WITH = "3.5.0"


class BuildInfoAPI(LokiReadOnlyAPI):
    """/status/buildinfo: without an envelope, as Loki gives it."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        unknown = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        info = {"version": COMPATIBLE_WITH, **dict.fromkeys(unknown, "")}
        return bare(request, info)


class TailAPI(LokiReadOnlyAPI):
    """/tail over plain HTTP: sockets are served before this is reached."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        raise bad_request("the client is not using the websocket protocol")


class ReadyAPI(LokiReadOnlyAPI):
    """/ready: the database is there. It tells of nobody, and probes have no token."""

    authentication_classes = []

    @override
    def check_permissions(self, request: Request) -> None:
        """Anybody may ask."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return HttpResponse("ready\n", content_type="text/plain; charset=utf-8")
