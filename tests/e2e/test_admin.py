"""The admin, for who administers; what is done there is audited too."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import at_one_width

pytestmark = pytest.mark.e2e


@at_one_width
def test_a_source_is_changed_in_the_admin_and_the_audit_log_tells(
    page, platform, shop, api
):
    page.goto(f"{platform.url}/admin/sources/source/{shop.source_id}/change/")

    page.get_by_label("Labels").fill('{"env": "admin"}')
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert api.get(f"/sources/{shop.source_id}").json()["labels"] == {"env": "admin"}
    entries = api.get("/audit").json()["results"]
    assert ("source.update", str(shop.source_id), "Admin") in [
        (e["action"], e["object_id"], e["actor_name"]) for e in entries
    ]
    page.goto(f"{platform.url}/admin/accounts/auditentry/")
    expect(page.get_by_role("table")).to_contain_text("source.update")


@at_one_width
def test_a_bad_config_is_an_error_of_the_form(page, platform, shop):
    page.goto(f"{platform.url}/admin/sources/source/{shop.source_id}/change/")

    page.get_by_label("Config").fill('{"paths": ["/etc/passwd"]}')
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text(re.compile("Please correct the error"))).to_be_visible()
    outside = re.compile("/etc/passwd is outside the allowed directories")
    expect(page.get_by_text(outside)).to_be_visible()


def test_admins_of_organizations_are_led_to_the_admin_and_members_are_not(
    visitors, platform, people, is_phone
):
    for person, count in (("chief", 1), ("clerk", 0)):
        page = people.visit(visitors, person)
        if is_phone:
            page.get_by_text("More").click()
        link = page.get_by_role("link", name="Admin", exact=True).filter(visible=True)
        expect(link).to_have_count(count)
