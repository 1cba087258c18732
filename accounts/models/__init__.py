from accounts.models.audit import AuditEntry
from accounts.models.heartbeat import ProcessHeartbeat
from accounts.models.membership import Membership, Team, TeamMembership
from accounts.models.scoped import (
    OrganizationModel,
    ScopedManager,
    ScopedQuerySet,
    UnscopedQueryError,
)
from accounts.models.tenant import Organization
from accounts.models.token import ApiToken
from accounts.models.user import User

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Membership",
    "Organization",
    "OrganizationModel",
    "ProcessHeartbeat",
    "ScopedManager",
    "ScopedQuerySet",
    "Team",
    "TeamMembership",
    "UnscopedQueryError",
    "User",
]
