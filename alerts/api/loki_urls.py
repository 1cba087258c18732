"""What of Loki's addresses is about rules; they stand under /loki/."""

from django.urls import path

from alerts.api import loki

urlpatterns = [
    path("api/v1/rules", loki.LokiRulesAPI.as_view()),
    path("api/v1/rules/<str:namespace>", loki.LokiNamespaceAPI.as_view()),
    path("api/v1/rules/<str:namespace>/<str:group>", loki.LokiGroupAPI.as_view()),
]
