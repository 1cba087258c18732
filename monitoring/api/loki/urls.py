"""Loki's paths below /loki/; its push is taken by the ingest edge before these."""

from __future__ import annotations

from django.urls import path

from monitoring.api.loki import deletes, discovery, index, queries, status

urlpatterns = [
    path("api/v1/query", queries.QueryAPI.as_view()),
    path("api/v1/query_range", queries.QueryRangeAPI.as_view()),
    path("api/v1/format_query", queries.FormatQueryAPI.as_view()),
    path("api/v1/labels", discovery.LabelsAPI.as_view()),
    # What Loki called it first; old clients still do.
    path("api/v1/label", discovery.LabelsAPI.as_view()),
    path("api/v1/label/<str:label>/values", discovery.LabelValuesAPI.as_view()),
    path("api/v1/series", discovery.SeriesAPI.as_view()),
    path("api/v1/index/stats", index.StatsAPI.as_view()),
    path("api/v1/index/volume", index.VolumeAPI.as_view()),
    path("api/v1/index/volume_range", index.VolumeRangeAPI.as_view()),
    path("api/v1/patterns", discovery.PatternsAPI.as_view()),
    path("api/v1/detected_labels", discovery.DetectedLabelsAPI.as_view()),
    path("api/v1/detected_fields", discovery.DetectedFieldsAPI.as_view()),
    path(
        "api/v1/detected_field/<str:label>/values",
        discovery.DetectedFieldValuesAPI.as_view(),
    ),
    path("api/v1/tail", status.TailAPI.as_view()),
    path("api/v1/delete", deletes.DeleteAPI.as_view()),
    path("api/v1/status/buildinfo", status.BuildInfoAPI.as_view()),
    path("ready", status.ReadyAPI.as_view()),
]
