"""No figure of the comparison with recorded executions falls; skipped where the recordings are absent."""

import pytest
from harness import RECORDINGS, cases, judge
from scoreboard import check, tally

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not beside the project")


def test_no_figure_falls(capsys: pytest.CaptureFixture[str]) -> None:
    figures = tally(judge(case) for case in cases())
    assert check({name: good for name, (good, _) in figures.items()}, update=False) == 0, (
        capsys.readouterr().err
    )
