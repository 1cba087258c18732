from django.apps import AppConfig
from typing_extensions import override


class SourcesConfig(AppConfig):
    name = "sources"

    @override
    def ready(self) -> None:
        from sources import handlers  # noqa: PLC0415 - models are loaded only now

        handlers.register_topics()
