"""/federate: the newest samples as a scrape, for another Prometheus to take over."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from typing_extensions import override

from monitoring.api.prometheus.base import ReadOnlyAPI
from monitoring.api.prometheus.envelope import ErrorType, PrometheusError
from monitoring.api.prometheus.parameters import Parameters
from monitoring.labels import METRIC_NAME, Labels
from monitoring.promql import TooMuchDataError
from monitoring.promql.numbers import general
from monitoring.services import federation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class FederateAPI(ReadOnlyAPI):
    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        try:
            newest = federation.newest_samples(
                self.scope, parameters.selectors(), now=timezone.now()
            )
        except PrometheusError as error:
            return HttpResponse(f"{error}\n", status=400, content_type=_PLAIN)
        except TooMuchDataError as error:
            raise PrometheusError(ErrorType.EXECUTION, str(error)) from None
        return HttpResponse(_exposition(newest), content_type=CONTENT_TYPE)


_PLAIN = "text/plain; charset=utf-8"


def _exposition(samples: list[federation.NewestSample]) -> str:
    lines: list[str] = []
    last = None
    for sample in samples:
        name = dict(sample.labels)[METRIC_NAME]
        if name != last:
            lines.append(f"# TYPE {_name(name)} untyped")
            last = name
        value = general(sample.value)
        lines.append(f"{_series(name, sample.labels)} {value} {sample.ts_ms}")
    return "\n".join([*lines, ""])


def _name(name: str) -> str:
    return name if _PLAIN_NAME.match(name) else f'"{name.translate(_ESCAPES)}"'


def _series(name: str, labels: Labels) -> str:
    """Return name and labels; as in Prometheus, `instance` is always among them, so
    that the one who scrapes does not add its own."""
    pairs = {n: v for n, v in labels if n != METRIC_NAME}
    pairs.setdefault("instance", "")
    inside = [f'{_name(n)}="{v.translate(_ESCAPES)}"' for n, v in pairs.items()]
    if _PLAIN_NAME.match(name):
        return f"{name}{{{','.join(inside)}}}"
    return f"{{{','.join([_name(name), *inside])}}}"
