"""A question about lines is asked in LogQL, narrowed by clicks and looked at closely."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import at_one_width

pytestmark = pytest.mark.e2e


def lines(page):
    return page.get_by_role("region", name="Lines", exact=True)


@pytest.fixture
def served(shop):
    """Requests as JSON, two of which have failed."""
    for number, status in enumerate((200, 200, 503, 503)):
        shop.write(json.dumps({"msg": f"served {number}", "status": status}))
    return shop


def asked(shop, pipeline: str) -> str:
    selector = f"logs?q=%7Bsource%3D%22{shop.name}%22%7D"
    return selector + pipeline.replace("|", "%7C").replace("=", "%3D")


def test_a_query_answers_and_goes_on_with_what_arrives(page, served):
    page.goto(asked(served, '|json|status=503|line_format "{{.msg}}"'))
    expect(lines(page)).to_contain_text("served 3")
    expect(lines(page)).not_to_contain_text("served 1")

    served.write('{"msg": "served 4", "status": 200}', '{"msg": "late", "status": 503}')

    expect(lines(page)).to_contain_text("late")
    expect(lines(page)).not_to_contain_text("served 4")


@at_one_width
def test_words_become_a_query_that_is_completed(page, served):
    page.goto(f"logs?source={served.name}")
    expect(lines(page)).to_contain_text("served 3")

    page.get_by_label("Contains").press_sequentially("{sou")
    page.get_by_role("option", name="source").click()
    page.keyboard.type(f'"{served.name}"')
    page.keyboard.type('} |= "served 2"')
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Search", exact=True).click()

    expect(page).to_have_url(re.compile(r"q=%7Bsource"))
    expect(lines(page).locator(".log")).to_have_count(1)
    expect(lines(page)).to_contain_text("served 2")


@at_one_width
def test_a_field_is_taken_into_the_query_with_a_click(page, served):
    page.goto(asked(served, "|json|__error__=``"))
    expect(lines(page)).to_contain_text("served 3")
    page.reload()
    fields = page.get_by_role("complementary")
    # They are counted once they come into sight, below however many sources there are.
    page.locator(".facet-fields").evaluate("place => place.scrollIntoView()")

    fields.get_by_role("link", name="Only status = 503").click()

    expect(page).to_have_url(re.compile("status%3D"))
    expect(lines(page).locator(".log")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 lines")


def test_a_line_is_shown_between_its_neighbours(page, served):
    page.goto(asked(served, '|="served 2"'))
    lines(page).get_by_text("served 2").click()

    lines(page).get_by_role("link", name="Show context").click()

    expect(page).to_have_url(re.compile("/logs/context"))
    current = page.locator("[aria-current=true] .msg")
    expect(current).to_contain_text("served 2")
    expect(current).to_be_in_viewport()
    expect(lines(page)).to_contain_text("served 1")
    expect(lines(page)).to_contain_text("served 3")


@at_one_width
def test_numbers_are_drawn_and_mistakes_are_pointed_at(page, served):
    page.goto(asked(served, ""))
    expect(lines(page)).to_contain_text("served 3")

    page.goto(f"logs?q=count_over_time(%7Bsource%3D%22{served.name}%22%7D[1h])")
    expect(page.get_by_role("region", name="Answer").first).to_contain_text("source")

    page.goto(asked(served, "|json|nonsense here"))

    expect(page.get_by_role("alert")).to_contain_text("unexpected IDENTIFIER")
    expect(page.locator(".pointed mark")).to_have_text("h")
