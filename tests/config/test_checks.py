from __future__ import annotations

import re
from pathlib import Path

import pytest

from config import checks

pytestmark = pytest.mark.unit

BROKEN = [
    ("REDIS_URL", "localhost:6379", "E002"),
    ("SITE_ROOT", "vedette.example.org", "E003"),
    ("VAR_DIR", Path("/nowhere"), "E004"),
    ("FILE_SOURCE_ROOTS", [Path("logs")], "E006"),
    ("LOG_RETENTION_DAYS", 0, "E007"),
    ("Q_CLUSTER", {"name": "default", "workers": 0, "ALT_CLUSTERS": {}}, "E008"),
    ("SECRET_KEY", "short", "W001"),
    ("FILE_SOURCE_ROOTS", [Path("/")], "W002"),
]


@pytest.fixture(autouse=True)
def sound(settings, tmp_path):
    """Settings without anything to complain of."""
    settings.SECRET_KEY = "k" * 50
    settings.BASE_DIR = tmp_path
    (tmp_path / "static" / "dist").mkdir(parents=True)
    settings.VAR_DIR = tmp_path


def ids(messages):
    return [message.id.removeprefix("vedette.") for message in messages]


def test_sound_settings_are_not_complained_of():
    assert checks.check_configuration(None) == []


@pytest.mark.parametrize(("name", "value", "expected"), BROKEN)
def test_each_mistake_is_named(settings, name, value, expected):
    setattr(settings, name, value)

    assert ids(checks.check_configuration(None)) == [expected]


def test_another_database_is_a_mistake(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.sqlite3")

    assert ids(checks.check_configuration(None)) == ["E001"]


def test_a_secret_that_others_can_read_is_a_mistake(tmp_path):
    secret = tmp_path / "secret_key"
    secret.write_text("secret")
    secret.chmod(0o644)

    assert ids(checks.check_configuration(None)) == ["E005"]


def test_pages_without_scripts_are_noticed(tmp_path):
    (tmp_path / "static" / "dist").rmdir()

    assert ids(checks.check_configuration(None)) == ["W003"]


def test_a_site_for_others_is_held_to_more():
    assert ids(checks.check_deployment(None)) == ["W004", "W005", "W006"]


def test_every_id_is_documented():
    base_dir = Path(__file__).resolve().parents[2]
    source = (base_dir / "config" / "checks.py").read_text()
    documented = (base_dir / "docs" / "configuration.md").read_text()

    missing = {
        found
        for found in re.findall(r'id="(vedette\.[EW]\d+)"', source)
        if f"`{found}`" not in documented
    }

    assert missing == set()


def test_every_setting_is_documented():
    base_dir = Path(__file__).resolve().parents[2]
    source = (base_dir / "config" / "settings.py").read_text()
    documented = (base_dir / "docs" / "configuration.md").read_text()

    names = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))

    assert names >= {"VAR_DIR", "DATABASE_URL"}
    assert {name for name in names if f"`{name}`" not in documented} == set()
