from django.urls import path

from alerts.views import (
    acting,
    detail,
    groups,
    listing,
    overview,
    recording,
    rule_editing,
    rules,
)

urlpatterns = [
    path("alerts", listing.alert_list, name="alerts"),
    path("alerts/bulk", acting.bulk, name="alerts-bulk"),
    path("alerts/headline", overview.alert_headline, name="alert-headline"),
    path("alerts/attention", overview.alert_attention, name="alert-attention"),
    path("alerts/count", overview.alert_count, name="alert-count"),
    path("alerts/<int:pk>", detail.alert_detail, name="alert-detail"),
    path("alerts/<int:pk>/row", listing.alert_row, name="alert-row"),
    path("alerts/<int:pk>/acknowledge", acting.acknowledge, name="alert-acknowledge"),
    path(
        "alerts/<int:pk>/unacknowledge",
        acting.unacknowledge,
        name="alert-unacknowledge",
    ),
    path("alerts/<int:pk>/assign", acting.assign, name="alert-assign"),
    path("alerts/<int:pk>/comment", acting.comment, name="alert-comment"),
    path("alerts/<int:pk>/resolve", acting.resolve, name="alert-resolve"),
    path("rules", rules.rule_list, name="rules"),
    path("rules/add", rule_editing.rule_add, name="rule-add"),
    path("rules/preview", rule_editing.rule_preview, name="rule-preview"),
    path("rules/recording/add", recording.recording_add, name="recording-add"),
    path(
        "rules/recording/preview",
        recording.recording_preview,
        name="recording-preview",
    ),
    path("rules/recording/<int:pk>", recording.recording_edit, name="recording-edit"),
    path("rules/groups/<int:pk>", groups.group_edit, name="rule-group"),
    path("rules/groups/<int:pk>/delete", groups.group_delete, name="rule-group-delete"),
    path("rules/<int:pk>", rule_editing.rule_edit, name="rule-edit"),
    path("rules/<int:pk>/toggle", rules.rule_toggle, name="rule-toggle"),
    path("rules/<int:pk>/delete", rules.rule_delete, name="rule-delete"),
]
