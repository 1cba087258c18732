from django.urls import path

from sources.views import detail, editing, listing

urlpatterns = [
    path("sources", listing.source_list, name="sources"),
    path("sources/summary", listing.source_summary, name="source-summary"),
    path("sources/sentence", listing.source_sentence, name="source-sentence"),
    path("sources/add", editing.source_add, name="source-add"),
    path("sources/preview", editing.source_preview, name="source-preview"),
    path(
        "sources/dead-letters/<int:pk>/replay",
        listing.replay_letter,
        name="dead-letter-replay",
    ),
    path("sources/<int:pk>", detail.source_detail, name="source-detail"),
    path("sources/<int:pk>/edit", editing.source_edit, name="source-edit"),
    path("sources/<int:pk>/test", detail.source_test, name="source-test"),
    path("sources/<int:pk>/toggle", detail.source_toggle, name="source-toggle"),
    path("sources/<int:pk>/delete", detail.source_delete, name="source-delete"),
]
