from django.apps import AppConfig
from typing_extensions import override


class ConfigConfig(AppConfig):
    name = "config"

    @override
    def ready(self) -> None:
        # Settings and models are loaded only now.
        from django_q.signals import post_execute_in_worker  # noqa: PLC0415

        from config import checks  # noqa: F401, PLC0415
        from config.services.claims import release_after  # noqa: PLC0415

        post_execute_in_worker.connect(release_after, weak=False)
