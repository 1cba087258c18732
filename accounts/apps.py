from django.apps import AppConfig
from typing_extensions import override


class AccountsConfig(AppConfig):
    name = "accounts"

    @override
    def ready(self) -> None:
        from accounts import handlers  # noqa: PLC0415 - models are loaded only now
        from accounts.api import schema  # noqa: F401, PLC0415 - it registers itself

        handlers.listen()
