"""The comparison with what was recorded on AWS: no figure falls, all are above their bars.

Skipped where the recordings are absent.
"""

from typing import Any

import pytest
from calls import sequences
from harness import RECORDINGS
from scoreboard import BOARDS, Board, by_group, failures, matches, total

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings are not beside the project"
)
MEASURES = ("result", "types", "whole")
BOARD = Board(
    "letters",
    MEASURES,
    lambda _: iter(()),
    {"result": 0.99, "types": 0.97, "whole": 0.95},
    {"result": 0.9, "types": 0.9},
)


@needs_recordings
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_no_figure_falls_or_is_below_its_bar(board: Board) -> None:
    assert failures(board, by_group(board, board.judge(""))) == []


@needs_recordings
def test_all_recorded_calls_are_played_but_those_that_may_not_be_awss() -> None:
    files = len(list((RECORDINGS / "api").glob("*.json")))
    assert len(list(sequences())) == files - 2


@pytest.fixture
def areas(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> dict[str, dict[str, list[int]]]:
    ratchet = tmp_path / "ratchet.json"
    ratchet.write_text('{"letters": {"a": {"result": 100, "types": 98, "whole": 96}, "b": {"result": 9}}}')
    monkeypatch.setattr("scoreboard.RATCHET", ratchet)
    return {
        "a": dict(zip(MEASURES, ([100, 100], [98, 100], [96, 100]), strict=True)),
        "b": {"result": [9, 10], "types": [0, 0], "whole": [0, 0]},
    }


def test_a_figure_that_falls_in_one_area_is_told_though_another_rises(areas: Any) -> None:
    assert failures(BOARD, areas) == []
    areas["b"]["result"] = [8, 8]
    areas["a"]["result"] = [101, 101]
    assert failures(BOARD, areas) == ["fallen: result of b matches 8 times, 9 times before"]


def test_an_area_that_is_gone_has_fallen(areas: Any) -> None:
    del areas["b"]
    assert failures(BOARD, areas) == ["fallen: result of b matches 0 times, 9 times before"]


def test_an_area_is_held_to_its_bar(areas: Any) -> None:
    areas["b"]["types"] = [8, 10]
    assert "below 90%: types of b matches 8 of 10 times" in failures(BOARD, areas)


def test_all_areas_together_are_held_to_their_bar(areas: Any) -> None:
    areas["a"]["whole"] = [96, 102]
    assert failures(BOARD, areas) == ["below 95%: whole of all matches 96 of 102 times"]


def test_a_group_in_brackets_is_held_by_the_ratchet_alone(areas: Any) -> None:
    areas["(c)"] = {"result": [0, 100], "types": [0, 0], "whole": [0, 0]}
    assert total(areas)["result"] == [109, 110]


def test_matches_are_what_is_kept(areas: Any) -> None:
    assert matches(areas)["b"] == {"result": 9, "types": 0, "whole": 0}
