"""A rule is written, previewed, and fires."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import at_one_width

pytestmark = pytest.mark.e2e


def test_a_pattern_rule_is_previewed_saved_and_fires(page, shop, name):
    shop.write("INFO refund of 20 euro")
    page.goto("rules")
    page.get_by_role("link", name="New rule").first.click()

    page.get_by_label("Name").fill(f"Refunds of {name}")
    page.get_by_text("Log pattern").click()
    page.get_by_label("Pattern", exact=True).fill(r"refund of \d+")
    page.get_by_label("In streams with").fill(f'source="{shop.name}"')
    page.get_by_label("Comparator").first.select_option("at or above")
    page.get_by_label("Threshold", exact=True).first.fill("1")
    page.get_by_label("Comparator").nth(1).select_option("at or above")
    page.get_by_label("Threshold", exact=True).nth(1).fill("3")
    expect(page.get_by_role("region", name="Matching lines")).to_contain_text(
        "refund of 20"
    )
    page.get_by_role("button", name="Save rule").filter(visible=True).click()

    expect(page.get_by_role("status").last).to_contain_text(f"Refunds of {name}")
    page.goto(f"alerts?q=Refunds of {name}")
    shop.write("INFO refund of 1 euro", "INFO refund of 2 euro", "INFO refund of 3")
    row = page.get_by_role("row").filter(has_text=f"Refunds of {name}")
    expect(row).to_contain_text("Critical")


@at_one_width
def test_a_pattern_that_does_not_compile_is_told_before_saving(page, name):
    page.goto("rules/add?kind=pattern")

    page.get_by_label("Name").fill(f"Broken {name}")
    page.get_by_label("Pattern", exact=True).fill("refund (")

    expect(page.locator("#rule-preview").get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Save rule").filter(visible=True).click()
    expect(page.get_by_label("Pattern", exact=True)).to_have_attribute(
        "aria-invalid", "true"
    )
    expect(page.get_by_label("Name")).to_have_value(f"Broken {name}")


@at_one_width
def test_a_threshold_rule_is_backtested_while_it_is_written(page, name):
    page.goto("rules/add")

    page.get_by_label("Name").fill(f"Memory of {name}")
    page.get_by_label("Query").fill("100 * host_memory_usage_ratio")

    preview = page.locator("#rule-preview")
    expect(preview.get_by_role("region", name="Backtest")).to_be_visible()


def test_rules_are_listed_and_switched(page, api, name):
    rule = {
        "name": f"Quiet {name}",
        "kind": "pattern",
        "pattern": "never written",
        "levels": [{"severity": "warning", "comparator": "ge", "threshold": 1}],
    }
    assert api.post("/rules", json=rule).status_code == 201
    page.goto("rules")
    row = page.get_by_role("row").filter(has_text=f"Quiet {name}")

    row.get_by_role("button", name="Switch off").click()
    expect(row).to_contain_text("Off")
    row.get_by_role("button", name="Switch on").click()
    expect(row.get_by_role("button", name=re.compile("Switch off"))).to_be_visible()
