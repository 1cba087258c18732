from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from typing_extensions import override

from config import first_run


class Command(BaseCommand):
    help = "Give an empty installation its first user, organization, sources and rules."

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        welcome = first_run.ensure()
        if welcome is None:
            return
        self.stdout.write(
            f"Log in as  {welcome.email}\n"
            f"Password   {welcome.password}   (shown this once)\n"
            f"Try        echo 'ERROR payment failed' >> {welcome.log_file}"
        )
