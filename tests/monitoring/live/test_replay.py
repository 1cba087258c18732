from __future__ import annotations

import pytest

from monitoring.live.replay import EventId, InvalidEventIdError

pytestmark = pytest.mark.unit


def test_an_event_id_survives_being_written_and_read():
    assert str(EventId.parse("1700000000000-2.17")) == "1700000000000-2.17"


def test_ids_are_ordered_by_time_sequence_index():
    texts = ["9-0.0", "10-0.0", "10-0.2", "10-0.10", "10-1.0"]

    assert sorted(texts, key=EventId.parse) == texts


def test_an_id_without_an_index_stands_behind_its_whole_batch():
    assert EventId.parse("10-0") > EventId.parse("10-0.9999")


@pytest.mark.parametrize(
    "text", ["", "x", "1-", "1-2.", "-1-2", "1-2.3 ", None, 7, "1" * 30 + "-0"]
)
def test_what_is_no_id_is_refused(text):
    with pytest.raises(InvalidEventIdError):
        EventId.parse(text)
