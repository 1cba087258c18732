from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from typing_extensions import override

from accounts.http import client_ip
from accounts.services import attempts


class LoginForm(AuthenticationForm):
    """E-mail and password; after some wrong tries it wants a pause."""

    error_messages = {
        "invalid_login": "E-mail and password do not match.",
        "inactive": "This account is switched off. Ask an owner of your organization.",
    }

    @override
    def clean(self) -> dict[str, Any]:
        email = self.cleaned_data.get("username") or ""
        ip = client_ip(self.request) if self.request else None
        if not attempts.tries_left(email, ip):
            raise forms.ValidationError(
                "Too many wrong tries. Wait 5 minutes, then try again.", code="paused"
            )
        try:
            cleaned = super().clean()
        except forms.ValidationError as error:
            raise self._with_tries_left(error, email, ip) from None
        attempts.forget(email, ip)
        return cleaned

    def _with_tries_left(
        self, error: forms.ValidationError, email: str, ip: str | None
    ) -> forms.ValidationError:
        left = attempts.note_failure(email, ip)
        tries = "1 try" if left == 1 else f"{left} tries"
        return forms.ValidationError(
            f"{error.messages[0]} {tries} left, then a pause of 5 minutes.",
            code="invalid_login",
        )
