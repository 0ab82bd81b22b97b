"""The comparison with recorded executions: no figure falls, all are above their bars.

Skipped where the recordings are absent.
"""

from typing import Any

import pytest
from harness import RECORDINGS, cases, judge
from scoreboard import MEASURES, by_area, failures, matches

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings are not beside the project"
)


@needs_recordings
def test_no_figure_falls_or_is_below_its_bar() -> None:
    assert failures(by_area(judge(case) for case in cases())) == []


@pytest.fixture
def areas(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> dict[str, dict[str, list[int]]]:
    ratchet = tmp_path / "ratchet.json"
    ratchet.write_text('{"a": {"result": 100, "types": 98, "whole": 96}, "b": {"result": 9}}')
    monkeypatch.setattr("scoreboard.RATCHET", ratchet)
    return {
        "a": dict(zip(MEASURES, ([100, 100], [98, 100], [96, 100]), strict=True)),
        "b": {"result": [9, 10], "types": [0, 0], "whole": [0, 0]},
    }


def test_a_figure_that_falls_in_one_area_is_told_though_another_rises(areas: Any) -> None:
    assert failures(areas) == []
    areas["b"]["result"] = [8, 8]
    areas["a"]["result"] = [101, 101]
    assert failures(areas) == ["fallen: result of b matches 8 times, 9 times before"]


def test_an_area_that_is_gone_has_fallen(areas: Any) -> None:
    del areas["b"]
    assert failures(areas) == ["fallen: result of b matches 0 times, 9 times before"]


def test_an_area_is_held_to_its_bar(areas: Any) -> None:
    areas["b"]["types"] = [8, 10]
    assert "below 90%: types of b matches 8 of 10 times" in failures(areas)


def test_all_areas_together_are_held_to_their_bar(areas: Any) -> None:
    areas["a"]["whole"] = [96, 102]
    assert failures(areas) == ["below 95%: whole of all matches 96 of 102 times"]


def test_matches_are_what_is_kept(areas: Any) -> None:
    assert matches(areas)["b"] == {"result": 9, "types": 0, "whole": 0}
