from __future__ import annotations

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_takes_what_is_there_and_then_what_is_added(tailing):
    tail = tailing()
    tail.write("app.log", "one\ntwo\n")

    first = tail.collect()
    tail.write("app.log", "three\n")
    second = tail.collect()

    assert (first, second) == (["one", "two"], ["three"])
