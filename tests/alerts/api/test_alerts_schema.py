from __future__ import annotations

import pytest
from drf_spectacular.generators import SchemaGenerator

from alerts.api import urls

pytestmark = pytest.mark.unit


def test_the_schema_describes_every_act_on_alerts_and_rules():
    schema = SchemaGenerator(patterns=urls.urlpatterns).get_schema(public=True)

    paths = {path.lstrip("/") for path in schema["paths"]}
    assert {
        "alerts",
        "alerts/{id}",
        "alerts/{id}/acknowledge",
        "alerts/{id}/assign",
        "alerts/{id}/comment",
        "alerts/{id}/resolve",
        "alerts/{id}/transitions",
        "alerts/{id}/unacknowledge",
        "notification-channels",
        "notification-channels/{id}/test",
        "notifications",
        "rules",
        "rules/{id}",
        "rules/preview",
    } <= paths
    level = schema["components"]["schemas"]["Level"]["properties"]
    assert {"for", "keep_firing_for", "recovery_threshold", "channels"} <= set(level)
