"""Prometheus's paths; the commonest of them also stand among our own API's."""

from __future__ import annotations

from django.urls import path

from monitoring.api.prometheus import admin, discovery, federation, queries, status

aliases = [
    path("query", queries.QueryAPI.as_view()),
    path("query_range", queries.QueryRangeAPI.as_view()),
    path("series", discovery.SeriesAPI.as_view()),
    path("labels", discovery.LabelsAPI.as_view()),
    path("label/<str:label>/values", discovery.LabelValuesAPI.as_view()),
]

urlpatterns = [
    *aliases,
    path("query_exemplars", queries.QueryExemplarsAPI.as_view()),
    path("format_query", queries.FormatQueryAPI.as_view()),
    path("parse_query", queries.ParseQueryAPI.as_view()),
    path("metadata", discovery.MetadataAPI.as_view()),
    path("status/buildinfo", status.BuildInfoAPI.as_view()),
    path("status/tsdb", status.TSDBAPI.as_view()),
    path("admin/tsdb/delete_series", admin.DeleteSeriesAPI.as_view()),
    path("status/config", status.ConfigAPI.as_view()),
    path("status/flags", status.FlagsAPI.as_view()),
    path("status/runtimeinfo", status.RuntimeInfoAPI.as_view()),
]

# Beside the API: these stand under /prometheus itself.
beside = [
    # Clients look there whether a server answers at all.
    path("", status.HealthyAPI.as_view()),
    path("federate", federation.FederateAPI.as_view()),
    path("-/healthy", status.HealthyAPI.as_view()),
    path("-/ready", status.ReadyAPI.as_view()),
]
