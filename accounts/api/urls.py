from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api import views

router = SimpleRouter(trailing_slash=False)
router.register("teams", views.TeamViewSet, "api-team")
router.register("members", views.MemberViewSet, "api-member")
router.register("tokens", views.TokenViewSet, "api-token")
router.register("audit", views.AuditEntryViewSet, "api-audit")

urlpatterns = [
    path("me", views.MeAPI.as_view(), name="api-me"),
    path("organization", views.OrganizationAPI.as_view(), name="api-organization"),
    *router.urls,
]
