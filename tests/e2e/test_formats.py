"""A format of one's own, tried on lines while it is written."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

LINES = "12:00:01 shelf=4 stock runs low\n12:00:02 shelf=oak stock is fine"


def test_a_format_is_tried_as_one_types_saved_and_deleted(page, platform, name):
    page.goto("sources")
    page.get_by_role("link", name="Formats").click()
    page.get_by_role("link", name="Add format").first.click()
    tested = page.locator("#format-test")

    page.get_by_label("Lines to try it on").fill(LINES)
    page.get_by_label("Line", exact=True).fill("<time> shelf=<shelf><text>")
    expect(tested).to_contain_text("something must stand")
    page.get_by_label("Line", exact=True).fill("<time> shelf=<shelf:int> <text>")
    expect(tested).to_contain_text("1 of 2 lines fits.")
    expect(tested.locator("mark")).to_have_text("oak stock is fine")
    expect(page.get_by_role("region", name="One line, taken apart")).to_contain_text(
        "shelf"
    )
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Save format").last.click()
    expect(page.get_by_role("status").last).to_contain_text(f"“{name}” is saved")

    page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Delete format").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete format").click()

    expect(page.get_by_role("status").last).to_contain_text(
        re.compile(f"“{name}” is deleted")
    )
