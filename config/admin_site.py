from __future__ import annotations

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from accounts.models import Membership, User
from accounts.scope import Role


class OrganizationAdminSite(UnfoldAdminSite):
    """Lets in who administers the platform or at least one organization."""

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return False
        administers = Membership.objects.filter(user=user, role__gte=Role.ADMIN)
        return user.is_superuser or administers.exists()
