from django.urls import path
from rest_framework.routers import SimpleRouter

from monitoring.api import log_export, logs, metrics, publishing, retention, views

router = SimpleRouter(trailing_slash=False)
router.register(
    "retention/rules", retention.RetentionRuleViewSet, basename="api-retention-rule"
)
router.register(
    "retention/deletes", retention.DeleteRequestViewSet, basename="api-delete-request"
)

urlpatterns = [
    path(
        "retention/preview",
        retention.RetentionPreviewAPI.as_view(),
        name="api-retention-preview",
    ),
    path("retention", retention.RetentionStatusAPI.as_view(), name="api-retention"),
    path("metrics/delete", retention.MetricDeleteAPI.as_view()),
    path("logs/delete", retention.LogDeleteAPI.as_view()),
    *router.urls,
    path("logs", views.LogsAPI.as_view(), name="api-logs"),
    path("logs/count", views.LogCountAPI.as_view(), name="api-logs-count"),
    path("logs/volume", views.LogVolumeAPI.as_view(), name="api-logs-volume"),
    path("logs/context", logs.LogContextAPI.as_view(), name="api-logs-context"),
    path("logs/fields", logs.LogFieldsAPI.as_view(), name="api-logs-fields"),
    path("logs/patterns", logs.LogPatternsAPI.as_view(), name="api-logs-patterns"),
    path("logs/export", log_export.LogExportAPI.as_view(), name="api-logs-export"),
    path("logs/labels", views.LogLabelsAPI.as_view(), name="api-logs-labels"),
    path(
        "metrics/snapshot",
        metrics.MetricSnapshotAPI.as_view(),
        name="api-metrics-snapshot",
    ),
    path(
        "metrics/history",
        metrics.MetricHistoryAPI.as_view(),
        name="api-metrics-history",
    ),
    path(
        "live/<str:topic>", publishing.LivePublishAPI.as_view(), name="api-live-publish"
    ),
]
