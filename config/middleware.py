from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# Our pages load nothing from elsewhere and run no inline script.
POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
# The admin and the API browser bring inline scripts and styles of their own.
THIRD_PARTY_PAGES = ("/admin/", "/api/schema/")
THIRD_PARTY_POLICY = POLICY.replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
).replace("script-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'")


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        foreign = request.path.startswith(THIRD_PARTY_PAGES)
        policy = THIRD_PARTY_POLICY if foreign else POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
