"""A running platform and a browser for stories told from outside."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.platform import Platform, running_platform

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ADMIN = "admin@vedette.local"

# Chromium looks for its makers' servers otherwise, which a closed network refuses.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}


def pytest_collection_modifyitems(config, items):
    """One xdist worker tells all stories: they share one running platform."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("e2e"))
            if CHROMIUM is None:
                reason = "needs Debian's chromium: apt-get install chromium"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET}


@pytest.fixture(scope="session")
def platform():
    with running_platform() as platform:
        yield platform


@pytest.fixture(scope="session")
def password(platform: Platform) -> str:
    """The admin's, as the first start printed it."""
    found = re.search(r"Password\s+(\S+)", platform.output())
    assert found, platform.output()
    return found[1]


@pytest.fixture(scope="session")
def token(platform: Platform) -> str:
    return platform.token()


@pytest.fixture(scope="session")
def session_state(browser, platform: Platform, password: str, tmp_path_factory) -> str:
    """The browser's storage after logging in once."""
    path = tmp_path_factory.mktemp("browser") / "state.json"
    context = browser.new_context()
    page = context.new_page()
    log_in(page, platform, password)
    context.storage_state(path=path)
    context.close()
    return str(path)


def log_in(page: Page, platform: Platform, password: str) -> None:
    page.goto(f"{platform.url}/login/")
    page.get_by_label("E-mail").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/o/demo/"))


@pytest.fixture(params=["desktop", "phone"])
def page(request, browser, platform: Platform, session_state: str):
    """A page of someone who is logged in; its scripts may not fail."""
    viewport = PHONE if request.param == "phone" else DESKTOP
    context = browser.new_context(
        viewport=viewport,
        storage_state=session_state,
        base_url=f"{platform.url}/o/demo/",
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
