"""The admin: what of it other apps build on, and the admin of accounts."""

from accounts.admin import people
from accounts.admin.records import admin_scope
from accounts.admin.scoped import ReadOnlyAdmin, ScopedAdmin, ScopedInline
from accounts.admin.served import ServiceAdmin, ServiceForm, sentences

__all__ = [
    "ReadOnlyAdmin",
    "ScopedAdmin",
    "ScopedInline",
    "ServiceAdmin",
    "ServiceForm",
    "admin_scope",
    "people",
    "sentences",
]
