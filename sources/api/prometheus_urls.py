"""What of Prometheus's addresses is about targets; they stand under /prometheus/."""

from django.urls import path

from sources.api import prometheus

urlpatterns = [
    path("api/v1/targets", prometheus.TargetsAPI.as_view()),
    path("api/v1/scrape_pools", prometheus.ScrapePoolsAPI.as_view()),
]
