from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from typing_extensions import override
from unfold.sites import UnfoldAdminSite

from accounts.models import Membership, User
from accounts.scope import Role


class OrganizationAdminSite(UnfoldAdminSite):
    """Lets in who administers the platform or at least one organization."""

    @override
    def register(self, model_or_iterable: Any, *args: Any, **options: Any) -> None:
        """Leave django-q's pages out: a schedule of theirs calls any function by name."""
        models = model_or_iterable
        models = [models] if isinstance(models, type) else list(models)
        ours = [m for m in models if m._meta.app_label != "django_q"]  # noqa: SLF001 - Model._meta API
        super().register(ours, *args, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return False
        administers = Membership.objects.filter(user=user, role__gte=Role.ADMIN)
        return user.is_superuser or administers.exists()

    @override
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the site's own door, the only one, which counts wrong tries."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
