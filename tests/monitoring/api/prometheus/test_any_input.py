"""Whatever is asked, the answer is an envelope and never a failure of ours."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PIECES = r"""
up sum( rate( ) { } [ ] 5m 1 -1 + - * / % ^ == != =~ !~ = > < and or unless on( by(
without( group_left( offset @ bool , : "a" 'b' `c` 1e3 0x1 Inf NaN job start() end()
topk( 1i 5y $ \ # é
"""
WORDS = PIECES.split()

expressions = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.text()
numbers = st.integers().map(str) | st.floats().map(str)
times = numbers | st.datetimes().map(lambda t: f"{t.isoformat()}Z") | st.text()
durations = numbers | st.sampled_from(["1m", "1h30m", "1y", "0s", "1x"]) | st.text()

PARAMETERS = {
    "query": expressions,
    "match[]": expressions,
    "time": times,
    "start": times,
    "end": times,
    "step": durations,
    "timeout": durations,
    "lookback_delta": durations,
    "limit": numbers | st.text(),
    "limit_per_metric": numbers | st.text(),
    "metric": st.text(),
}
PATHS = [
    "query",
    "query_range",
    "series",
    "labels",
    "label/job/values",
    "metadata",
    "format_query",
    "parse_query",
    "query_exemplars",
    "status/tsdb",
]
STATUSES = {200, 400, 422, 503}


@pytest.mark.parametrize("path", PATHS)
def test_any_input_has_an_answer(prometheus, store, path):
    store(1, 2, 3, job="web")

    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(form=st.fixed_dictionaries({}, optional=PARAMETERS))
    def ask(form):
        with transaction.atomic():
            response = prometheus.get(path, form)
            transaction.set_rollback(True)

        assert response.status_code in STATUSES, response.content
        assert response.json()["status"] in {"success", "error"}

    ask()
