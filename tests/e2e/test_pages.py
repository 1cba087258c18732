"""Every page, in both widths and themes: nothing in the console, nothing cut off."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

PAGES = (
    "",
    "logs",
    "alerts",
    "alerts?tab=resolved",
    "sources",
    "sources/add",
    "formats",
    "formats/add",
    "rules",
    "rules/add",
    "rules/add?kind=pattern",
)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_pages_keep_the_content_policy_and_fit_the_screen(page, platform, theme):
    noise: list[str] = []
    page.on("console", lambda m: noise.append(m.text) if m.type == "error" else None)
    page.emulate_media(color_scheme=theme)

    for address in PAGES:
        response = page.goto(address)
        assert response is not None
        assert "script-src 'self'" in response.headers["content-security-policy"]
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate(
            "innerWidth"
        ), address
    assert noise == []


def test_an_unknown_address_leads_back(page, platform):
    page.goto("nowhere")

    expect(page.get_by_role("heading", level=1)).to_contain_text("nothing at this")
    page.get_by_role("link", name="Go to the overview").click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("nothing at this")
