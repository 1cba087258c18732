from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation.templates import (
    MAX_LENGTH,
    Sample,
    TemplateError,
    check_template,
    render,
)

pytestmark = pytest.mark.unit

LABELS = {"host": "web-1", "path": "/var"}


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{{ $labels.host }} is at {{ $value }}", 97.3, "web-1 is at 97.3"),
        ("{{$value}}", 12.0, "12"),
        ("{{- $labels.path -}}", 0, "/var"),
        ("{{ $labels.absent }}|", 0, "|"),
        ("{{ $value | humanize }}", 1234567, "1.235M"),
        ("{{ $value | humanize }}", 0.0021, "2.1m"),
        ("{{ humanize $value }}", 0, "0"),
        ("{{ $value | humanize1024 }}", 1536, "1.5ki"),
        ("{{ $value | humanizePercentage }}", 0.9731, "97.31%"),
        ("{{ $value | humanizeDuration }}", 5412, "1h 30m 12s"),
        ("{{ $value | humanizeDuration }}", 0.25, "250ms"),
        ('{{ $value | printf "%.1f" }}', 97.3333, "97.3"),
        ('{{ printf "%.2f" $value }}', 1, "1.00"),
        ("{{ $labels.host | toUpper }}", 0, "WEB-1"),
        ("no template", 0, "no template"),
    ],
)
def test_a_template_is_filled_in(template, value, text):
    assert render(template, labels=LABELS, value=value) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ $value",
        "{{ }}",
        "{{ nonsense }}",
        "{{ $value | nonsense }}",
        "{{ $labels.host | humanize }}",
        "{{ $labels.__class__.x }}",
        '{{ query "up" }}',
        "{{ range $i := .Alerts }}",
        "{% now %}",
    ],
)
def test_what_is_not_understood_stays_as_it_is(template):
    assert render(template, labels=LABELS, value=1.0) == template


def test_a_label_is_not_evaluated_again():
    labels = {"host": "{{ $value }}"}

    assert render("{{ $labels.host }}", labels=labels, value=1.0) == "{{ $value }}"


@given(st.text(max_size=300), st.floats())
def test_no_text_breaks_it(template, value):
    assert len(render(template, labels=LABELS, value=value)) <= MAX_LENGTH


SAMPLES = [Sample(2.0, {"job": "b"}), Sample(1.0, {"job": "a"})]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ if gt $value 5.0 }}much{{ else }}little{{ end }}", "little"),
        ("{{ if eq $labels.host `web-1` }}a{{ else if true }}b{{ end }}", "a"),
        ("{{ with query `up` }}{{ . | first | value }}{{ end }}", "2"),
        (
            "{{ range query `up` | sortByLabel `job` }}{{ .Labels.job }}={{ .Value }} {{ end }}",
            "a=1 b=2 ",
        ),
        (
            "{{ range $i, $s := query `up` }}{{ $i }}{{ $s.Labels.job }}{{ end }}",
            "0b1a",
        ),
        ("{{ $x := query `up` }}{{ len $x }}", "2"),
        ("a {{- /* nothing */ -}} b", "ab"),
        (
            '{{ printf "%s has %d%% (%.1f)" $labels.host 7 $value }}',
            "web-1 has 7% (1.5)",
        ),
        ('{{ reReplaceAll "web-(.*)" "$1" $labels.host }}', "1"),
        ('{{ if match "^web" $labels.host }}yes{{ end }}', "yes"),
        ('{{ "host.example.org:9090" | stripPort | stripDomain }}', "host"),
        ('{{ label "job" (first (query "up")) }}', "b"),
        ("{{ 3725 | humanizeDuration }}", "1h 2m 5s"),
        ("{{ 0 | humanizeTimestamp }}", "1970-01-01 00:00:00 +0000 UTC"),
        ("{{ .Labels.host }}{{ .Value }}", "web-11.5"),
    ],
)
def test_gos_language_is_understood(template, text):
    found = render(template, labels=LABELS, value=1.5, query=lambda expr: SAMPLES)

    assert found == text


@pytest.mark.parametrize(
    "template",
    ["{{ if }}", "{{ end }}", "{{ if true }}", "{{ else }}", "{{ (1 }}", "{{ 'x }}"],
)
def test_what_is_no_template_is_told(template):
    with pytest.raises(TemplateError):
        check_template(template)


def test_a_template_does_not_run_for_ever():
    nested = "{{ range query `up` }}" * 15 + "x" + "{{ end }}" * 15

    found = render(nested, labels={}, value=1.0, query=lambda expr: SAMPLES * 50)

    assert len(found) <= MAX_LENGTH
