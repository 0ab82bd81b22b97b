"""Definitions that people wrote, which stand beside the repository."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asfini.checking import RULES, check_file

REAL = Path(__file__).parents[2] / "../shared/definitions"


def cases(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not (REAL / kind).is_dir():
        pytest.skip(f"there are no {kind} in {REAL}")
    for path in sorted((REAL / kind).glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        if "definition" in case:
            yield path.stem, case


def write(folder: Path, definition: Any) -> Path:
    path = folder / "real.asl.json"
    text = definition if isinstance(definition, str) else json.dumps(definition, indent=2)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["machines", "validation"])
def test_whatever_is_found_has_a_rule_and_a_place(kind: str, tmp_path: Path) -> None:
    for name, case in cases(kind):
        result = check_file(write(tmp_path, case["definition"]))
        assert result.machines == 1, name
        for finding in result.findings:
            assert finding.code in RULES, name
            assert 1 <= finding.column < finding.end_column <= len(finding.source) + 2, name


def test_what_is_known_to_be_valid_has_no_errors(tmp_path: Path) -> None:
    wrong = {
        name: [str(finding.message) for finding in found]
        for name, case in cases("validation")
        if case["valid"] and not case.get("disputed") and case.get("machine_type") != "EXPRESS"
        if (found := check_file(write(tmp_path, case["definition"]), warnings=False).findings)
    }
    assert wrong == {}
