"""One form of times, for what definitions hold and for what executions read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from asfini import Definition, problems
from asfini.asl._times import timestamp

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14T12:00:00Z", NOON),
        ("2026-03-14T14:00:00+02:00", NOON.astimezone(timezone(timedelta(hours=2)))),
        ("2026-03-14T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2026-03-14T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
    ],
)
def test_a_time_is_read(text: str, moment: datetime) -> None:
    assert timestamp(text) == moment
    assert faults(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-14",
        "2026-03-14 12:00:00Z",
        "2026-03-14T12:00:00",
        "2026-03-14T12:00:00.Z",
        "2026-03-14T12:00:00.1234567890Z",
        "2026-02-30T12:00:00Z",
        "2026-03-14T25:00:00Z",
        "\u0662026-03-14T12:00:00Z",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert timestamp(text) is None
    assert faults(text) == ["String does not match RFC3339 timestamp"]


@pytest.mark.parametrize("value", [None, 1, True, []])
def test_only_text_tells_a_time(value: object) -> None:
    assert timestamp(value) is None


def faults(text: str) -> list[str]:
    state = {"Type": "Wait", "Timestamp": text, "End": True}
    return [
        found.message for found in problems(Definition.from_dict({"StartAt": "s", "States": {"s": state}}))
    ]
