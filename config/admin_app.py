from django.contrib.admin.apps import AdminConfig


class OrganizationAdminConfig(AdminConfig):
    """Django's admin, open to the admins of organizations."""

    default_site = "config.admin_site.OrganizationAdminSite"
