from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        from monitoring import handlers  # noqa: PLC0415 - models are loaded only now

        handlers.register_topics()
