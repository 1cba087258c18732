"""A running platform and a browser for stories told from outside."""

from __future__ import annotations

import itertools
import re
import shutil
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.people import People
from tests.e2e.shop import Shop
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
WIDTHS = {"desktop": DESKTOP, "phone": PHONE}

# For stories that no width makes different.
at_one_width = pytest.mark.parametrize("width", ["desktop"], indirect=True)

EXPECTED_NOISE = re.compile(
    r"status of 4\d\d|WebSocket connection|ERR_CONNECTION|hx-|htmx:"
)

# What a story waits for at most; nothing here takes as long on an idle machine.
expect.set_options(timeout=12_000)


def pytest_collection_modifyitems(config, items):
    """Without a browser the stories are skipped, saying what is missing."""
    here = Path(__file__).parent
    for item in items:
        if CHROMIUM is None and here in item.path.parents:
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


@pytest.fixture(scope="session")
def api(platform: Platform, token: str):
    with platform.client(token) as client:
        yield client


class Visitors:
    """Opens pages of one width and keeps what their consoles complain of."""

    def __init__(self, browser, platform: Platform, viewport: dict[str, int]) -> None:
        self.browser = browser
        self.url = platform.url
        self.viewport = viewport
        self.contexts: list[BrowserContext] = []
        self.errors: list[str] = []

    def open(
        self, storage_state: str | None = None, organization: str = "demo"
    ) -> Page:
        context = self.browser.new_context(
            viewport=self.viewport,
            storage_state=storage_state,
            base_url=f"{self.url}/o/{organization}/",
        )
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heard)
        return page

    def _heard(self, message) -> None:
        # Answers of 4xx and lost connections are what some stories are about.
        if message.type == "error" and not EXPECTED_NOISE.search(message.text):
            self.errors.append(message.text)

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture(params=WIDTHS)
def width(request) -> str:
    return request.param


@pytest.fixture
def is_phone(width: str) -> bool:
    return width == "phone"


@pytest.fixture
def visitors(browser, platform: Platform, width: str):
    """No story may leave an error in a console, such as a broken content policy."""
    visitors = Visitors(browser, platform, WIDTHS[width])
    yield visitors
    visitors.close()
    assert visitors.errors == []


@pytest.fixture
def page(visitors: Visitors, session_state: str) -> Page:
    """A page of the admin, logged in, below /o/demo/."""
    return visitors.open(session_state)


_numbers = itertools.count(1)


@pytest.fixture
def name(width: str) -> str:
    """A name that no other story on the platform uses."""
    return f"shop-{next(_numbers)}-{width}"


@pytest.fixture
def shop(platform: Platform, api, name: str):
    """A tailed file of the story's own, whose alerts are resolved afterwards."""
    shop = Shop.open(platform.directory, api, name)
    yield shop
    shop.close()


@pytest.fixture(scope="session")
def people(platform: Platform) -> People:
    return People.settle(platform)


@pytest.fixture(scope="session")
def bakery(platform: Platform, people: People):
    """The bakery's sources by name: the till of team front, the oven of team back."""
    with platform.client(platform.token("bakery")) as api:
        team = {"slug": "back", "name": "Back"}
        assert api.post("/teams", json=team).status_code == HTTPStatus.CREATED
        teams = {"till": "front", "oven": "back"}
        yield {
            name: Shop.open(platform.directory, api, name, team)
            for name, team in teams.items()
        }
