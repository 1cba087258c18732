"""What belongs to a team is its members' alone; what is empty says what to do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import at_one_width

pytestmark = pytest.mark.e2e


def test_a_member_of_one_team_does_not_see_what_another_has(visitors, people, bakery):
    page = people.visit(visitors, "clerk")

    page.goto("sources")
    sources = page.get_by_role("region", name="Sources")
    expect(sources).to_contain_text("till")
    expect(sources).not_to_contain_text("oven")
    page.goto("logs")
    lines = page.get_by_role("region", name="Lines", exact=True)
    expect(lines).to_contain_text("INFO till opens")
    expect(page.get_by_role("main")).not_to_contain_text("oven")
    bakery["oven"].write("ERROR oven is too hot")
    bakery["till"].write("ERROR till is stuck")
    expect(lines).to_contain_text("ERROR till is stuck")
    expect(page.get_by_role("main")).not_to_contain_text("oven")


@at_one_width
def test_addresses_of_another_team_and_organization_lead_nowhere(
    visitors, people, bakery, platform
):
    page = people.visit(visitors, "clerk")

    for address in (f"sources/{bakery['oven'].source_id}", f"{platform.url}/o/demo/"):
        page.goto(address)
        nothing = page.get_by_role("heading", name="There is nothing at this address.")
        expect(nothing).to_be_visible()
    page.goto(f"{platform.url}/admin/")
    expect(page).to_have_url(re.compile("/admin/login/"))


def test_an_organization_without_sources_says_how_to_begin(visitors, people):
    page = people.visit(visitors, "founder", organization="empty")

    main = page.get_by_role("main")
    expect(main).to_contain_text("Nothing arrives yet")
    expect(main.get_by_role("link", name="Add source")).to_be_visible()
    for address, title in (
        ("logs", "No logs yet"),
        ("alerts", "Nothing is wrong"),
        ("sources", "No sources here"),
        ("rules", "No rules yet"),
    ):
        page.goto(address)
        expect(main.get_by_role("heading", name=title).last).to_be_visible()
