from __future__ import annotations

import pytest

from monitoring.gotemplates import FUNCTIONS, Run, TemplateError, parse, printing

pytestmark = pytest.mark.unit

DOT = {"n": 7, "f": 2.5, "s": "a b", "list": [1, 2], "map": {"b": 1, "a": None}}


def filled(template, *, most_steps=1000, most_text=1000):
    functions = {**FUNCTIONS, **printing()}
    run = Run(functions, {"": DOT}, most_steps, most_text)
    run.nodes(parse(template), DOT)
    return "".join(run.written)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{if .n}}yes{{else}}no{{end}}", "yes"),
        ("{{if(eq .n 8)}}yes{{else if(eq .n 7)}}seven{{end}}", "seven"),
        ("{{ with .none }}x{{ else }}{{ .n }}{{ end }}", "7"),
        ("{{ range $k, $v := .map }}{{ $k }}={{ $v }} {{ end }}", "a=<no value> b=1 "),
        ("{{ range .none }}x{{ else }}nothing{{ end }}", "nothing"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ $.n }}{{ with .map }}{{ .b }}{{ $.n }}{{ end }}", "717"),
        ("{{ .list }} {{ .map }}", "[1 2] map[a:<no value> b:1]"),
        ('{{ and 1 "" }}|{{ or 0 "x" }}|{{ not 1 }}', "|x|false"),
        ('{{ printf "%.f|%+.1f|%5.1f|%G" .f 1.0 .f 1e9 }}', "2|+1.0|  2.5|1E+09"),
        ('{{ printf "%d %s" "x" }}', "%!d(string=x) %!s(MISSING)"),
        ('{{ html "<" }}{{ urlquery .s }}', "&lt;a+b"),
        (r'{{ "\u00e9\x41\n" }}{{ `\d` }}', "éA\n\\d"),
    ],
)
def test_a_template_is_filled_in_as_go_does(template, text):
    assert filled(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
        ("{{ $x := 1 }}{{ with $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
        ("{{ $x := 0 }}{{ range $x := .list }}{{ end }}{{ $x }}", "0"),
    ],
)
def test_what_is_declared_in_a_block_ends_with_it(template, text):
    assert filled(template) == text


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ if .n }}", "has no {{end}}"),
        ("{{ end }}", "unexpected"),
        ("{{ if .n }}{{ else x }}{{ end }}", "in else"),
        ("{{ .n", "unclosed action"),
        ("{{ }}", "missing value"),
        ("{{ .n | 3 }}", "only functions"),
        ('{{ define "x" }}', "not supported"),
        ("{{ if .n }}" * 40, "nested"),
        ("{{ " + "(" * 40, "unclosed action"),
        ("{{ " + "(" * 40 + " }}", "nested"),
        ("{{ nothing }}", "not defined"),
        ("{{ and }}", "wrong number"),
        ("{{ $x }}", "undefined variable"),
        ("{{ $x = 1 }}", "undefined variable"),
        ("{{ .n.x }}", "can't evaluate field x"),
        ("{{ lt 1 2.0 }}", "incompatible types"),
        ("{{ lt true .none }}", "invalid type"),
        ("{{ range .f }}{{ end }}", "can't iterate"),
        ('{{ printf "%9999d" 1 }}', "beyond reason"),
    ],
)
def test_what_does_not_work_is_told(template, problem):
    with pytest.raises(TemplateError, match=problem):
        filled(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ range 1000000000000 }}{{ end }}",
        "{{ range 900 }}{{ range 900 }}{{ end }}{{ end }}",
        "{{ range 900 }}0123456789{{ end }}",
    ],
)
def test_no_template_runs_for_ever(template):
    with pytest.raises(TemplateError, match=r"steps|too much"):
        filled(template)


def test_functions_that_are_not_known_are_refused_when_reading():
    with pytest.raises(TemplateError, match='function "len" not defined'):
        parse("{{ len .s }}", known={"print"})
