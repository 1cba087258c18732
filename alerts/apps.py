from django.apps import AppConfig
from typing_extensions import override


class AlertsConfig(AppConfig):
    name = "alerts"

    @override
    def ready(self) -> None:
        from alerts import handlers  # noqa: PLC0415 - models are loaded only now

        handlers.register_topics()
