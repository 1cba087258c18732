#!/usr/bin/env python
"""Runs Vedette's commands; `manage.py up` starts the whole platform."""

import os
import sys

from django.core.management import execute_from_command_line

from config.services.commands import needs_servers
from config.services.sharing import ensure_running
from config.services.system_user import ServiceError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if needs_servers(sys.argv):
        try:
            ensure_running()
        except ServiceError as error:
            sys.exit(str(error))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
