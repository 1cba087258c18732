from django.urls import path

from sources.views import detail, editing, formats, heartbeats, listing
from sources.views import pings as ping

# Without tokens and organizations: who knows the address may ping.
pings = [
    path("ping/<str:code>", ping.by_code),
    path("ping/<uuid:code>/<str:action>", ping.by_code),
    path("ping/<str:key>/<str:slug>", ping.by_slug),
    path("ping/<str:key>/<str:slug>/<str:action>", ping.by_slug),
    path("api/push/<str:code>", ping.push),
]

urlpatterns = [
    path("heartbeats", heartbeats.heartbeat_list, name="heartbeats"),
    path("heartbeats/add", heartbeats.heartbeat_add, name="heartbeat-add"),
    path("heartbeats/key", heartbeats.renew_key, name="heartbeat-key"),
    path("heartbeats/<int:pk>", heartbeats.heartbeat_detail, name="heartbeat-detail"),
    path("heartbeats/<int:pk>/edit", heartbeats.heartbeat_edit, name="heartbeat-edit"),
    path(
        "heartbeats/<int:pk>/<str:act>", heartbeats.heartbeat_act, name="heartbeat-act"
    ),
    path("formats", formats.format_list, name="formats"),
    path("formats/add", formats.format_add, name="format-add"),
    path("formats/test", formats.format_test, name="format-test"),
    path("formats/<int:pk>", formats.format_edit, name="format-edit"),
    path("formats/<int:pk>/delete", formats.format_delete, name="format-delete"),
    path("sources", listing.source_list, name="sources"),
    path("sources/summary", listing.source_summary, name="source-summary"),
    path("sources/sentence", listing.source_sentence, name="source-sentence"),
    path("sources/add", editing.source_add, name="source-add"),
    path("sources/preview", editing.source_preview, name="source-preview"),
    path(
        "sources/dead-letters/replay",
        listing.replay_letters,
        name="dead-letters-replay",
    ),
    path(
        "sources/dead-letters/<int:pk>/discard",
        listing.discard_letter,
        name="dead-letter-discard",
    ),
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
