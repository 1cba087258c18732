"""The admin: what of it other apps build on, and the admin of accounts."""

from accounts.admin import people
from accounts.admin.records import admin_scope
from accounts.admin.scoped import ReadOnlyAdmin, ScopedAdmin, ScopedInline

__all__ = ["ReadOnlyAdmin", "ScopedAdmin", "ScopedInline", "admin_scope", "people"]
