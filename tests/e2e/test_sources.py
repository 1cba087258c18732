"""A source from the wizard to its end."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import at_one_width

pytestmark = pytest.mark.e2e


def next_step(page):
    page.get_by_role("button", name="Next").click()


def test_the_wizard_adds_a_file_source_and_shows_what_it_will_read(
    page, platform, name
):
    file = platform.directory / f"{name}.log"
    file.write_text('{"level": "warn", "msg": "stock runs low", "shelf": 4}\n' * 3)
    page.goto("sources")

    page.get_by_role("link", name="Add source").click()
    page.get_by_role("radio", name=re.compile("^Files")).check()
    next_step(page)
    page.get_by_label("Paths").fill(str(file))
    expect(page.locator("#preview")).to_contain_text("stock runs low")
    next_step(page)
    expect(page.get_by_role("region", name="One line, taken apart")).to_contain_text(
        "shelf"
    )
    next_step(page)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status").last).to_contain_text(f"“{name}” is saved")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Healthy: {name}")
    page.reload()
    expect(page.get_by_role("region", name="Newest lines")).to_contain_text(
        "stock runs low"
    )


def test_the_wizard_refuses_a_path_outside_the_allowed_roots(page):
    page.goto("sources/add")
    next_step(page)

    page.get_by_label("Paths").fill("/etc/passwd")
    next_step(page)

    paths = page.get_by_label("Paths")
    expect(paths).to_have_attribute("aria-invalid", "true")
    expect(paths).to_have_value("/etc/passwd")
    expect(page.locator("#next-why")).to_have_text("One field to fix first.")
    expect(page.locator("main")).not_to_contain_text("root:")


def test_a_source_is_edited_paused_and_deleted(page, shop, api):
    page.goto("sources")
    page.get_by_role("link", name=shop.name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Healthy")

    page.get_by_role("link", name="Edit").click()
    next_step(page)
    next_step(page)
    page.get_by_label("Labels").fill("env=prod")
    page.get_by_role("button", name="Save").click()
    about = page.get_by_role("region", name="About this source")
    expect(about).to_contain_text("env=prod")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    assert not api.get(f"/sources/{shop.source_id}").json()["enabled"]
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    page.get_by_role("button", name="Delete source").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Delete source").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete source").click()
    expect(page).to_have_url(re.compile(r"/o/demo/sources$"))
    expect(page.get_by_role("region", name="Sources")).not_to_contain_text(shop.name)


@at_one_width
def test_testing_a_source_tells_what_it_finds(page, shop):
    page.goto(f"sources/{shop.source_id}")

    page.get_by_role("button", name="Test", exact=True).click()

    expect(page.locator(".banner")).to_contain_text(re.compile("file|readable"))
