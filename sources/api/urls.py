from django.urls import path
from rest_framework.routers import SimpleRouter

from sources.api import dead_letters, formats, healthchecks, heartbeats, views

router = SimpleRouter(trailing_slash=False)
router.register("sources", views.SourceViewSet, "api-source")
router.register("formats", formats.LogFormatViewSet, "api-log-format")
router.register("dead-letters", dead_letters.DeadLetterViewSet, "api-dead-letter")
router.register("heartbeats", heartbeats.HeartbeatViewSet, "api-heartbeat")

urlpatterns = [
    path("heartbeats/ping-key", heartbeats.PingKeyAPI.as_view(), name="api-ping-key"),
    path("pipeline", views.PipelineAPI.as_view(), name="api-pipeline"),
    *router.urls,
]

# Healthchecks's own paths, which are those of its clients: /api/v3/…; the versions
# before it differ in little that anyone sends.
healthchecks_urls = [
    path("checks/", healthchecks.ChecksAPI.as_view()),
    path("checks/<uuid:code>", healthchecks.CheckAPI.as_view()),
    path("checks/<uuid:code>/pause", healthchecks.PauseAPI.as_view()),
    path("checks/<uuid:code>/resume", healthchecks.ResumeAPI.as_view()),
    path("checks/<uuid:code>/pings/", healthchecks.PingsAPI.as_view()),
    path(
        "checks/<uuid:code>/pings/<int:number>/body",
        healthchecks.PingBodyAPI.as_view(),
    ),
    path("checks/<uuid:code>/flips/", healthchecks.FlipsAPI.as_view()),
]
