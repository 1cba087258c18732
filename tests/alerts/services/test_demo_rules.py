from __future__ import annotations

import pytest

from alerts.evaluation import Severity as PureSeverity
from alerts.models import Rule, Severity
from alerts.services.demo import create_demo_rules

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_a_new_installation_watches_the_host_and_its_errors(cast):
    create_demo_rules(cast.system())

    rules = {
        rule.name: [(lv.severity, lv.threshold) for lv in rule.levels.all()]
        for rule in Rule.unscoped.all()
    }
    percent = [("warning", 80), ("critical", 90)]
    assert rules == {
        "CPU usage": percent,
        "Memory usage": percent,
        "Disk usage": percent,
        "Error burst": [("warning", 5), ("critical", 10)],
    }


def test_made_twice_they_exist_once(cast):
    create_demo_rules(cast.system())

    assert create_demo_rules(cast.system()) == []


def test_rows_and_evaluator_know_the_same_severities():
    assert Severity.values == [severity.value for severity in PureSeverity]
