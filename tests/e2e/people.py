"""Who else is about: the people of a bakery with two teams, and of an empty place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from tests.platform import Platform

PASSWORD = "a long enough password"
_PLACES = {
    "chief": ("bakery", "--role", "admin"),
    "clerk": ("bakery", "--team", "front", "--team-role", "responder"),
    "founder": ("empty", "--role", "owner"),
}


@dataclass
class People:
    platform: Platform
    states: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def settle(cls, platform: Platform) -> People:
        platform.manage("create_organization", "bakery", "empty")
        for person, (organization, *place) in _PLACES.items():
            platform.manage(
                "create_user",
                f"{person}@example.com",
                "--password",
                PASSWORD,
                "--organization",
                organization,
                *place,
            )
        return cls(platform)

    def visit(self, visitors: Any, person: str, organization: str = "bakery") -> Page:
        """Open the overview as that person, who logs in the first time."""
        page = visitors.open(self.states.get(person), organization)
        if person not in self.states:
            page.goto(f"{self.platform.url}/login/")
            page.get_by_label("E-mail").fill(f"{person}@example.com")
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"**/o/{organization}/")
            self.states[person] = page.context.storage_state()
        else:
            page.goto("")
        return page
