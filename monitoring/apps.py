from django.apps import AppConfig
from typing_extensions import override


class MonitoringConfig(AppConfig):
    name = "monitoring"

    @override
    def ready(self) -> None:
        from monitoring import handlers  # noqa: PLC0415 - models are loaded only now

        handlers.register_topics()
