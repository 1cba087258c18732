"""What the frame around every page shows."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.mark.parametrize(("person", "shown"), [("alice", True), ("bob", False)])
def test_only_who_administers_is_led_to_the_admin(client, cast, person, shown):
    client.force_login(getattr(cast, person))

    page = client.get("/o/acme/").content.decode()

    assert ('href="/admin/"' in page) is shown


def test_a_page_that_answers_a_form_has_its_fragments_too(client, cast):
    client.force_login(cast.alice)

    response = client.post("/o/acme/sources/add", {"step": "kind", "kind": "file"})

    assert "data-alert-count" in response.content.decode()
