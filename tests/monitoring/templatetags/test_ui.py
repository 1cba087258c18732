from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

pytestmark = pytest.mark.unit


def render(source, **context):
    return Template("{% load ui %}" + source).render(Context(context))


def request_with(**cookies):
    request = RequestFactory().get("/")
    request.COOKIES.update(cookies)
    return request


def test_what_a_label_says_is_escaped():
    html = render("{% label_list labels %}", labels={"path": "<b>"})

    assert html == '<span class="label">path=&lt;b&gt;</span>'


def test_a_marked_line_is_escaped():
    html = render("{{ line|marked:sought }}", line="<i>Pool exhausted", sought="pool")

    assert html == "&lt;i&gt;<mark>Pool</mark> exhausted"


@pytest.mark.parametrize(
    ("share", "status"),
    [(None, "unknown"), (79.9, "ok"), (80, "warning"), (90, "critical")],
)
def test_fullness_changes_at_80_and_90(share, status):
    assert render("{{ share|fullness }}", share=share) == status


def test_an_error_looks_critical():
    assert 'data-status="critical"' in render('{% state "error" %}')


def test_a_healthy_sparkline_is_grey():
    assert "data-status" not in render('{% spark values "ok" %}', values=[1, 2])


def test_a_moment_tells_how_long_ago_it_was():
    moment = timezone.now() - timedelta(minutes=13)

    assert ">13 min ago</time>" in render("{% ago moment %}", moment=moment)


def test_the_clock_follows_the_readers_zone():
    there = timezone.now().astimezone(ZoneInfo("Asia/Kolkata"))
    at = there.replace(hour=17, minute=30).astimezone(UTC)

    html = render("{% clock at %}", at=at, request=request_with(zone="Asia/Kolkata"))

    assert ">17:30</time>" in html


def test_an_unknown_zone_falls_back_to_utc():
    html = render("{% zone_name %}", request=request_with(zone="../../etc/passwd"))

    assert html == "UTC"


def test_a_chosen_theme_stands_on_the_page():
    assert render("{% theme %}", request=request_with(theme="dark")) == (
        ' data-theme="dark"'
    )


def test_a_made_up_theme_is_ignored():
    assert render("{% theme %}", request=request_with(theme='"><script>')) == ""


def test_every_icon_in_use_is_in_the_sprite():
    sprite = render("{% icon_sprite %}")

    assert all(f'id="s-{s}"' in sprite for s in ("ok", "warning", "critical", "info"))
