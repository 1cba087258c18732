from django.urls import include, path
from rest_framework.routers import SimpleRouter

from alerts.api import channels, rule_groups, views

router = SimpleRouter(trailing_slash=False)
router.register("rules", views.RuleViewSet, basename="api-rule")
router.register("rule-groups", rule_groups.RuleGroupViewSet, basename="api-rule-group")
router.register("alerts", views.AlertViewSet, basename="api-alert")
router.register(
    "notification-channels",
    channels.ChannelViewSet,
    basename="api-notification-channel",
)
router.register(
    "notifications", channels.NotificationViewSet, basename="api-notification"
)

urlpatterns = [path("", include(router.urls))]
