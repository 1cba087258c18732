from django.urls import path

from monitoring.api import views

urlpatterns = [
    path("logs", views.LogsAPI.as_view(), name="api-logs"),
    path("logs/count", views.LogCountAPI.as_view(), name="api-logs-count"),
    path("logs/volume", views.LogVolumeAPI.as_view(), name="api-logs-volume"),
    path("logs/labels", views.LogLabelsAPI.as_view(), name="api-logs-labels"),
    path(
        "metrics/snapshot",
        views.MetricSnapshotAPI.as_view(),
        name="api-metrics-snapshot",
    ),
    path(
        "metrics/history", views.MetricHistoryAPI.as_view(), name="api-metrics-history"
    ),
    path("live/<str:topic>", views.LivePublishAPI.as_view(), name="api-live-publish"),
]
