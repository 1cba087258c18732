"""Lines arrive by themselves and are found again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def lines(page):
    return page.get_by_role("region", name="Lines", exact=True)


def test_a_written_line_arrives_in_the_live_tail(page, shop):
    page.goto(f"logs?source={shop.name}")
    expect(lines(page)).to_contain_text(f"{shop.name} opens")
    page.evaluate("window.loadedOnce = true")

    shop.write("WARN stock runs low")

    expect(lines(page)).to_contain_text("WARN stock runs low")
    assert page.evaluate("window.loadedOnce")


def test_a_search_finds_stored_lines_and_only_those(page, shop):
    shop.write("INFO apple sold", "INFO pear sold", "INFO apple eaten")
    page.goto(f"logs?source={shop.name}")
    expect(lines(page)).to_contain_text("apple eaten")

    page.get_by_label("Contains").fill("apple")
    page.get_by_role("button", name="Search", exact=True).click()

    expect(page).to_have_url(re.compile("q=apple"))
    expect(lines(page).get_by_role("listitem").filter(has_text="apple")).to_have_count(
        2
    )
    expect(lines(page)).not_to_contain_text("pear")


def test_levels_narrow_what_is_shown_and_what_arrives(page, shop):
    shop.write("ERROR till is stuck")
    page.goto(f"logs?source={shop.name}")
    expect(lines(page)).to_contain_text("till is stuck")
    page.reload()

    page.get_by_role("button", name=re.compile("^error")).click()

    expect(page).to_have_url(re.compile("level=error"))
    expect(lines(page)).not_to_contain_text("opens")
    shop.write("INFO quiet hour", "ERROR drawer is open")
    expect(lines(page)).to_contain_text("drawer is open")
    expect(lines(page)).not_to_contain_text("quiet hour")


def test_a_paused_tail_waits_and_goes_on(page, shop):
    page.goto(f"logs?source={shop.name}")
    expect(lines(page)).to_contain_text("opens")

    page.keyboard.press("p")
    shop.write("INFO while you read")

    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(lines(page)).not_to_contain_text("while you read")
    page.keyboard.press("p")
    expect(lines(page)).to_contain_text("while you read")


def test_a_line_opens_to_its_labels(page, shop):
    page.goto(f"logs?source={shop.name}")

    lines(page).get_by_text(f"{shop.name} opens").click()

    expect(lines(page).get_by_text(str(shop.file))).to_be_visible()
