"""From ten bad lines to an alert that somebody has handled."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def alert_row(page, shop):
    return page.get_by_role("row").filter(has_text=f"source={shop.name}")


def open_alert(page, shop):
    """Let the shop fail, wait for its alert and open it."""
    page.goto("alerts")
    shop.fail()
    row = alert_row(page, shop)
    expect(row).to_contain_text("Critical")
    row.get_by_role("link").click()
    expect(page.get_by_role("main")).to_contain_text(f"within a minute in {shop.name}")


def act(page, is_phone):
    """Return the actions that this width shows."""
    if is_phone:
        return page.get_by_role("group", name="Act on this alert")
    return page.locator("#alert .head-act")


def test_ten_error_lines_raise_an_alert_on_the_open_overview(page, shop):
    page.goto("")
    page.evaluate("window.loadedOnce = true")

    shop.fail(10)

    row = alert_row(page, shop)
    expect(row).to_contain_text("Critical")
    expect(row).to_contain_text("10")
    assert page.evaluate("window.loadedOnce")


def test_an_alert_is_acknowledged_on_its_page_and_the_audit_tells(
    page, shop, api, is_phone
):
    open_alert(page, shop)

    act(page, is_phone).get_by_role("button", name="Acknowledge").click()

    expect(page.get_by_role("region", name="Timeline")).to_contain_text(
        re.compile("acknowledged", re.IGNORECASE)
    )
    expect(act(page, is_phone).get_by_role("button", name="Take back")).to_be_visible()
    (alert,) = shop.alerts()
    assert alert["acknowledged_by"]
    entries = api.get("/audit").json()["results"]
    assert ("alert.acknowledge", str(alert["id"])) in [
        (entry["action"], entry["object_id"]) for entry in entries
    ]


def test_keys_choose_and_acknowledge_an_alert_in_the_list(page, shop):
    shop.fail()
    page.goto(f"alerts?q={shop.name}")
    expect(alert_row(page, shop)).to_contain_text("Critical")

    page.keyboard.press("j")
    page.keyboard.press("a")

    expect(page.get_by_role("status").last).to_contain_text(
        re.compile("acknowledged", re.IGNORECASE)
    )
    page.goto("alerts?tab=acknowledged")
    expect(alert_row(page, shop)).to_contain_text("acknowledged")


def test_an_alert_is_assigned_commented_and_resolved_with_a_note(page, shop, is_phone):
    open_alert(page, shop)
    timeline = page.get_by_role("region", name="Timeline")

    act(page, is_phone).get_by_text("Assign").click()
    act(page, is_phone).get_by_role("button", name="Admin").click()
    expect(timeline).to_contain_text(re.compile("assigned", re.IGNORECASE))

    page.get_by_label("Comment").fill("The bank is down.")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(timeline).to_contain_text("The bank is down.")

    act(page, is_phone).get_by_text("Resolve", exact=True).click()
    act(page, is_phone).get_by_label("What was it?").fill("The bank is back.")
    act(page, is_phone).get_by_role("button", name="Resolve Error burst").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Resolved")
    expect(timeline).to_contain_text("The bank is back.")
    expect(timeline).to_contain_text("The bank is down.")


def test_an_acknowledgement_by_another_shows_on_the_open_list(page, shop, api):
    page.goto("alerts")
    shop.fail()
    row = alert_row(page, shop)
    expect(row).to_contain_text("Nobody yet")
    expect(page.get_by_role("heading", level=1)).to_contain_text("critical")
    (alert,) = shop.alerts()

    api.post(f"/alerts/{alert['id']}/acknowledge", json={"note": "Mine."})

    expect(row).to_contain_text("acknowledged")
