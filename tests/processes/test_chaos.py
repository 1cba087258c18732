"""Every process dies in turn while lines are written: none is lost, none comes twice."""

from __future__ import annotations

import pytest

from tests.bench import chaos
from tests.platform import running_platform

pytestmark = pytest.mark.integration


def test_whatever_is_killed_every_line_is_stored_exactly_once():
    with running_platform() as platform:
        outcome = chaos.run(platform, platform.token(), seconds=14, rate=500)

    assert (outcome.stored, outcome.distinct) == (outcome.written, outcome.written)
    assert all(outcome.killed.values()), outcome.killed
