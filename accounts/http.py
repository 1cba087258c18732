"""What a request carries, said once: the user, the scope and the client's address."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase

from accounts.models import User
from accounts.scope import Scope
from accounts.services.scopes import NoMembershipError, scope_of_user

P = ParamSpec("P")


class AuthenticatedRequest(HttpRequest):
    """A request of a logged-in user."""

    user: User


class ScopedRequest(AuthenticatedRequest):
    """A page request below /o/<organization slug>/."""

    scope: Scope


def client_ip(request: HttpRequest) -> str | None:
    return request.META.get("REMOTE_ADDR") or None


def scoped_page(
    view: Callable[Concatenate[ScopedRequest, P], HttpResponseBase],
) -> Callable[..., Any]:
    """Resolve the organization of the path to a scope; to a stranger it is a 404."""

    @wraps(view)
    def wrapped(
        request: ScopedRequest,
        organization_slug: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> HttpResponseBase:
        # A page's fragments are rendered on its own request, which is scoped already.
        if not _is_scoped(request, organization_slug):
            request.scope = _scope_or_404(request, organization_slug)
        return view(request, *args, **kwargs)

    return login_required(wrapped)


def _is_scoped(request: ScopedRequest, slug: str) -> bool:
    # Django keeps the ASGI server's own `scope`, a dict, in this place.
    scope: object = getattr(request, "scope", None)
    return isinstance(scope, Scope) and scope.organization_slug == slug


def _scope_or_404(request: ScopedRequest, slug: str) -> Scope:
    try:
        return scope_of_user(request.user, slug, ip=client_ip(request))
    except NoMembershipError:
        raise Http404 from None
