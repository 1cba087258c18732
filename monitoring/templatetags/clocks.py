"""Times as the reader's clock has them; scripts keep those true that change."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.template.context import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from monitoring.templatetags import figures

ZONE_COOKIE = "zone"


def zone_of(context: Context) -> ZoneInfo:
    request = context.get("request")
    return ZoneInfo("UTC") if request is None else zone_of_request(request)


def zone_of_request(request: HttpRequest) -> ZoneInfo:
    """Return the reader's time zone, which a script has put into a cookie."""
    name = unquote(request.COOKIES.get(ZONE_COOKIE, "UTC"))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _time(context: Context, moment: datetime, kind: str, text: str) -> SafeString:
    full = moment.astimezone(zone_of(context))
    return format_html(
        '<time datetime="{}" data-{} title="{}">{}</time>',
        moment.isoformat(),
        kind,
        f"{full:%a %d %b %Y %H:%M:%S %Z}",
        text,
    )


def ago(context: Context, moment: datetime | None) -> SafeString:
    """Return "13 min ago", which a script keeps true."""
    if moment is None:
        return mark_safe('<span class="muted">never</span>')
    return _time(context, moment, "ago", figures.ago(moment, now=timezone.now()))


def since(context: Context, moment: datetime | None) -> SafeString:
    """Return "13 min", how long something has lasted; a script keeps it true."""
    if moment is None:
        return SafeString(figures.NONE)
    return _time(context, moment, "since", figures.span(timezone.now() - moment))


def lasted(start: datetime | None, end: datetime | None) -> str:
    """Return how long something took that is over."""
    return figures.NONE if start is None or end is None else figures.span(end - start)


def clock(context: Context, moment: datetime | None, form: str = "%H:%M") -> SafeString:
    """Return the time of day in the reader's zone, with the day where it is not today."""
    if moment is None:
        return SafeString(figures.NONE)
    zone = zone_of(context)
    local = moment.astimezone(zone)
    is_today = local.date() == timezone.now().astimezone(zone).date()
    day = "" if is_today else f"{local:%d %b} "
    return _time(context, moment, "clock", f"{day}{local.strftime(form)}")


def log_clock(context: Context, timestamp_ns: int) -> SafeString:
    """Return a log line's time of day to the millisecond."""
    moment = datetime.fromtimestamp(
        timestamp_ns // 1_000_000 / 1000, tz=zone_of(context)
    )
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="milliseconds"),
        f"{moment:%a %d %b %Y %Z}",
        f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}",
    )


def zone_name(context: Context) -> str:
    """Return the reader's zone as it is written beside the clock: UTC, CET, UTC+5:30."""
    name = timezone.now().astimezone(zone_of(context)).tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name
