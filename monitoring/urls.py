from django.urls import path

from monitoring.views import log_parts, logs, metrics, overview, retention

urlpatterns = [
    path("", overview.show, name="overview"),
    path("overview/figures", overview.figures, name="overview-figures"),
    path("overview/resources", overview.resources, name="overview-resources"),
    path("overview/charts", overview.charts, name="overview-charts"),
    path("metrics", metrics.show, name="metrics"),
    path("logs", logs.show, name="logs"),
    path("logs/volume", logs.volume, name="logs-volume"),
    path("logs/export", logs.download_lines, name="logs-export"),
    path("logs/fields", log_parts.fields, name="logs-fields"),
    path("logs/patterns", log_parts.patterns, name="logs-patterns"),
    path("logs/context", log_parts.context, name="logs-context"),
    path("retention", retention.show, name="retention"),
    path("retention/<int:pk>", retention.edit, name="retention-edit"),
    path("retention/<int:pk>/move", retention.move, name="retention-move"),
    path("retention/<int:pk>/delete", retention.delete, name="retention-delete"),
]
