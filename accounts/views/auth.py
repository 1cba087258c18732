"""Coming in, going out, and where one arrives."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.contrib.auth import views
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from typing_extensions import override

from accounts.forms import LoginForm
from accounts.http import AuthenticatedRequest
from accounts.models import Membership

ORGANIZATION_COOKIE = "organization"


def product_version() -> str:
    try:
        return version("vedette")
    except PackageNotFoundError:  # run from a checkout, without an installation
        return "0.1"


class LoginView(views.LoginView):
    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    @override
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return {
            **context,
            "host": self.request.get_host(),
            "version": product_version(),
        }


@login_required
def home(request: AuthenticatedRequest) -> HttpResponse:
    """Go to the overview of the organization that was looked at last."""
    memberships = Membership.objects.filter(user=request.user)
    slugs = list(memberships.values_list("organization__slug", flat=True))
    if not slugs:
        return render(request, "accounts/no_organization.html")
    last = request.COOKIES.get(ORGANIZATION_COOKIE, "")
    return redirect("overview", organization_slug=last if last in slugs else slugs[0])
