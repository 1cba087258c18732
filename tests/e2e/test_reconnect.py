"""The web process dies under an open page, which catches up by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import at_one_width

pytestmark = pytest.mark.e2e


@at_one_width
def test_a_lost_connection_is_said_and_missed_lines_come_after_it(page, shop, platform):
    page.goto(f"logs?source={shop.name}")
    lines = page.get_by_role("region", name="Lines", exact=True)
    expect(lines).to_contain_text("opens")
    expect(page.get_by_role("button", name="Live", exact=True)).to_be_visible()
    page.evaluate("window.loadedOnce = true")

    assert platform.kill("config.asgi") == 1
    expect(page.get_by_role("button", name=re.compile("^Reconnecting"))).to_be_visible()
    shop.write(*(f"WARN missed {number}" for number in range(5)))

    live = page.get_by_role("button", name="Live", exact=True)
    expect(live).to_be_visible(timeout=45_000)
    expect(lines.get_by_text(re.compile("^WARN missed"))).to_have_count(5)
    shop.write("INFO after all")
    expect(lines).to_contain_text("INFO after all")
    assert page.evaluate("window.loadedOnce")
    platform.wait_until_ready()
