"""What of Prometheus's addresses is about rules; they stand under /prometheus/."""

from django.urls import path

from alerts.api import prometheus, ruler

urlpatterns = [
    path("api/v1/rules", prometheus.RulesAPI.as_view()),
    path("api/v1/alerts", prometheus.AlertsAPI.as_view()),
    path("api/v1/alertmanagers", prometheus.AlertmanagersAPI.as_view()),
    path("config/v1/rules", ruler.RulerRulesAPI.as_view()),
    path("config/v1/rules/<str:namespace>", ruler.RulerNamespaceAPI.as_view()),
    path("config/v1/rules/<str:namespace>/<str:group>", ruler.RulerGroupAPI.as_view()),
]
