"""What the pages of this app share: the range of the address, in the reader's zone."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from monitoring.services.ranges import TimeRange
from monitoring.templatetags.clocks import zone_of_request


def range_of(request: HttpRequest, *, now: datetime, default: str = "1h") -> TimeRange:
    return TimeRange.parse(
        request.GET.dict(), now=now, zone=zone_of_request(request), default=default
    )


def start_command() -> str:
    """Return what to paste to send the first line."""
    return (
        f"curl {settings.SITE_ROOT}/api/v1/logs \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        """  -d '{"timestamp": "'$(date -Is)'", "line": "ERROR payment failed"}'"""
    )


def start_metric_command() -> str:
    """Return what to paste to send the first sample."""
    return (
        f"curl {settings.SITE_ROOT}/api/v1/metrics \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        """  -d '{"name": "orders_total", "type": "counter", "value": 42}'"""
    )
