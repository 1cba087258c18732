"""The overview is live; theme and keyboard work wherever one is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import at_one_width

pytestmark = pytest.mark.e2e


def test_host_metrics_are_shown_and_change_without_a_reload(page):
    page.goto("")
    page.evaluate("window.loadedOnce = true")
    figures = page.get_by_role("region", name=re.compile("^Key figures"))
    for label in ("CPU", "Memory", "Load", "Network in"):
        expect(figures).to_contain_text(label)
    expect(page.get_by_role("button", name="Live", exact=True)).to_be_visible()

    before = figures.inner_text()

    expect(figures).not_to_have_text(before, use_inner_text=True)
    assert page.evaluate("window.loadedOnce")


def test_resources_and_charts_are_drawn(page):
    page.goto("")

    resources = page.get_by_role("region", name="Resources")
    expect(resources).to_contain_text("Memory")
    expect(resources).to_contain_text("/ disk")
    expect(
        page.get_by_role("region", name="CPU").locator("canvas, svg")
    ).not_to_have_count(0)
    page.get_by_role("button", name="Show CPU as a table").click()
    expect(
        page.get_by_role("region", name="CPU").get_by_role("table")
    ).not_to_have_count(0)


def test_the_theme_is_switched_and_remembered(page, is_phone):
    page.emulate_media(color_scheme="dark")
    page.goto("")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")

    if is_phone:
        page.get_by_text("More").click()
        page.get_by_role("button", name="Dark or light").last.click()
    else:
        page.get_by_role("button", name="Switch between dark and light").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("body")).not_to_have_css("background-color", dark)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_keys_lead_to_pages_and_tell_of_themselves(page):
    page.goto("")

    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("acknowledge")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()

    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile(r"/o/demo/logs"))


@at_one_width
def test_slash_finds_a_source_and_opens_it(page, shop):
    page.goto("alerts")

    page.keyboard.press("/")
    page.get_by_role("combobox", name="Search or jump to").fill(shop.name)
    found = page.get_by_role("option", name=re.compile(f"^{shop.name}"))
    expect(found).to_be_visible()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(rf"/sources/{shop.source_id}$"))


@at_one_width
def test_choosing_a_range_changes_every_chart(page):
    page.goto("")

    page.get_by_label(re.compile("^Time: ")).click()
    page.get_by_role("link", name="Last 6 hours").click()

    expect(page).to_have_url(re.compile("range=6h"))
    expect(page.get_by_label(re.compile("^Key figures, last 6 hours"))).to_be_visible()
