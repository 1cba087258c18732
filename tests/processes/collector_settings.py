"""The settings of a collector that a test starts: on the test's own database."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["COLLECTOR_DATABASE"]
