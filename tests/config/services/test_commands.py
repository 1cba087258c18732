from __future__ import annotations

import pytest

from config.services.commands import needs_servers

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("manage.py", False),
        ("manage.py help", False),
        ("manage.py --version", False),
        ("manage.py migrate", True),
        ("manage.py migrate --help", False),
        ("manage.py create_token acme", True),
        ("manage.py makemigrations --check --dry-run", True),
        ("manage.py some_command_of_tomorrow", True),
        ("manage.py collectstatic --noinput", False),
        ("manage.py up --port 8001", False),
        ("manage.py check", False),
        ("manage.py check --deploy", True),
        ("manage.py check --database default", True),
    ],
)
def test_only_commands_that_touch_data_start_servers(line, needed):
    assert needs_servers(line.split()) is needed
