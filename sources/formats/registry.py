"""All formats, the most specific first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sources.formats.base import Format
from sources.formats.known import (
    access,
    balancers,
    csv_header,
    databases,
    java,
    journal,
    json_lines,
    kubernetes,
    logfmt,
    plain,
    python_logging,
    runtimes,
    security,
    syslog,
    systems,
    w3c,
    web_errors,
)

ORDER: tuple[Format, ...] = (
    *json_lines.FORMATS,
    *security.FORMATS,
    *kubernetes.FORMATS,
    *balancers.FORMATS,
    *access.FORMATS,
    *web_errors.FORMATS,
    *databases.FORMATS,
    *syslog.FORMATS,
    *java.FORMATS,
    *python_logging.FORMATS,
    *runtimes.FORMATS,
    *systems.FORMATS,
    *w3c.FORMATS,
    *journal.FORMATS,
    *csv_header.FORMATS,
    *logfmt.FORMATS,
    *plain.FORMATS,
)

FORMATS: Mapping[str, Format] = MappingProxyType({f.name: f for f in ORDER})
RAW = plain.RAW.name
