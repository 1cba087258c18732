from django.urls import path
from rest_framework.routers import SimpleRouter

from sources.api import views

router = SimpleRouter(trailing_slash=False)
router.register("sources", views.SourceViewSet, "api-source")
router.register("dead-letters", views.DeadLetterViewSet, "api-dead-letter")

urlpatterns = [
    path("pipeline", views.PipelineAPI.as_view(), name="api-pipeline"),
    *router.urls,
]
