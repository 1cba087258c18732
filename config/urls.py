"""Every address of the web process; the ingest edge takes its own before these."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import views
from monitoring.api.loki import urls as loki
from monitoring.api.prometheus import urls as prometheus
from sources import urls as sources
from sources.api import urls as sources_api

api = [
    path("", include("accounts.api.urls")),
    path("", include("monitoring.api.urls")),
    path("", include(prometheus.aliases)),
    path("", include("alerts.api.urls")),
    path("", include("sources.api.urls")),
]

pages = [
    path("", include("monitoring.urls")),
    path("", include("alerts.urls")),
    path("", include("sources.urls")),
]

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("api/v1/", include(api)),
    path("prometheus/api/v1/", include(prometheus)),
    path("prometheus/", include("sources.api.prometheus_urls")),
    path("prometheus/", include(prometheus.beside)),
    path("prometheus/", include("alerts.api.prometheus_urls")),
    path("loki/", include(loki)),
    path("loki/", include("alerts.api.loki_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path(
        "api/schema/browse/",
        SpectacularSwaggerView.as_view(url_name="api-schema"),
        name="api-browser",
    ),
    path("", include(sources.pings)),
    path("api/v2/", include(sources_api.healthchecks_urls)),
    path("api/v3/", include(sources_api.healthchecks_urls)),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("o/<slug:organization_slug>/", include(pages)),
]

handler400 = "config.error_pages.bad_request"
handler403 = "config.error_pages.forbidden"
handler404 = "config.error_pages.not_found"
handler500 = "config.error_pages.server_error"
