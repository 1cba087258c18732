"""The door: who comes in, and who does not."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ADMIN, at_one_width, log_in

pytestmark = pytest.mark.e2e


def test_a_visitor_signs_in_stays_and_signs_out(visitors, platform, password, is_phone):
    page = visitors.open()
    log_in(page, platform, password)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.reload()
    expect(page).to_have_url(re.compile(r"/o/demo/"))

    if is_phone:
        page.get_by_text("More").click()
    else:
        page.get_by_role("complementary").get_by_text("Admin", exact=True).last.click()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("alerts")
    expect(page).to_have_url(re.compile(r"/login/\?next="))


def test_a_wrong_password_is_told_and_keeps_the_address(visitors, platform):
    page = visitors.open()
    page.goto(f"{platform.url}/login/")

    page.get_by_label("E-mail").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill("not this")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_label("Password", exact=True)).to_have_attribute(
        "aria-invalid", "true"
    )
    expect(page.locator("#login-e")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value(ADMIN)


@at_one_width
def test_signing_in_leads_to_the_page_that_was_asked_for(visitors, platform, password):
    page = visitors.open()
    page.goto("sources")

    page.get_by_label("E-mail").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(re.compile(r"/o/demo/sources$"))
