"""The commands `check` and `diff`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from asfini.cli import main
from asfini.cli.output import coloured

WRONG = (
    '{"StartAt": "a", "States": {\n\t"a": {"Type": "Pass", "Next": "b"}, "b": {"Type": "Succeed", "Emd": 1}}}'
)
DOUBTFUL = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "Parameters": {"x": "$.y"}, "End": true}}}'
RIGHT = '{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("wrong", WRONG), ("doubtful", DOUBTFUL), ("right", RIGHT)):
        Path(f"{name}.asl.json").write_text(text, encoding="utf-8")


def test_errors_are_told_with_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    out, err = capsys.readouterr()
    assert out.endswith(
        """\
wrong.asl.json:2:63: error SCHEMA_VALIDATION_FAILED: Field 'Emd' is not supported (/States/b)
     2 |  "a": {"Type": "Pass", "Next": "b"}, "b": {"Type": "Succeed", "Emd": 1}}}
                                                                       ^^^^^
"""
    )
    assert err == "checked 3 state machines in 3 files: 1 error, 1 warning\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["right.asl.json"], 0),
        (["doubtful.asl.json"], 0),
        (["doubtful.asl.json", "--strict"], 1),
        (["doubtful.asl.json", "--strict", "--no-warnings"], 0),
        (["doubtful.asl.json", "--strict", "--ignore", "NO_DOLLAR"], 0),
        (["wrong.asl.json"], 1),
        (["nothing.asl.json"], 2),
        (["--ignore", "NONSENSE"], 2),
        (["--explain", "NONSENSE"], 2),
        (["--output", "nowhere/x", "right.asl.json"], 2),
    ],
)
def test_the_status_tells_how_it_went(arguments: list[str], status: int) -> None:
    assert main(["check", *arguments]) == status


def test_long_lines_are_shown_in_part(capsys: pytest.CaptureFixture[str]) -> None:
    text = WRONG.replace("\n\t", "").replace('"StartAt"', f'"Comment": "{"x" * 1000}", "StartAt"')
    Path("long.asl.json").write_text(text, encoding="utf-8")
    main(["check", "long.asl.json"])
    _, source, mark = capsys.readouterr().out.splitlines()
    assert len(source) < 200
    assert source[mark.index("^") : mark.rindex("^") + 1] == '"Emd"'


def test_a_file_cannot_do_anything_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    state = '{"Type": "Succeed", "Em\\u001bd": 1, "Comment": "\x85\x9b31m"}'
    Path("evil.asl.json").write_text(f'{{"StartAt": "a", "States": {{"a": {state}}}}}', encoding="utf-8")
    main(["check", "evil.asl.json"])
    out = capsys.readouterr().out
    assert "Field 'Em\ufffdd' is not supported" in out
    assert not set(out) & set("\x1b\x9b\x85")


def test_where_no_machine_is_found_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.json").write_text("{}", encoding="utf-8")
    assert main(["check", "other.json"]) == 0
    assert capsys.readouterr() == ("", "found no state machine in 1 file\n")
    assert main(["-q", "check", "other.json"]) == 0
    assert capsys.readouterr() == ("", "")


def test_json_has_places_and_rules(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "wrong.asl.json", "--json"])
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding == {
        "path": "wrong.asl.json",
        "line": 2,
        "column": 63,
        "end_column": 68,
        "code": "SCHEMA_VALIDATION_FAILED",
        "severity": "ERROR",
        "message": "Field 'Emd' is not supported",
        "location": "/States/b",
        "machine": None,
    }


def test_sarif_names_rules_files_and_regions() -> None:
    assert main(["check", "--format", "sarif", "--output", "found.sarif"]) == 1
    log: dict[str, Any] = json.loads(Path("found.sarif").read_text(encoding="utf-8"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    place = run["results"][-1]["locations"][0]
    assert place["physicalLocation"]["artifactLocation"] == {"uri": "wrong.asl.json"}
    region = {"startLine": 2, "startColumn": 63, "endLine": 2, "endColumn": 68}
    assert place["physicalLocation"]["region"] == region
    assert {result["level"] for result in run["results"]} == {"error", "warning"}


def test_files_are_named_in_sarif_by_uris_relative_to_the_folder() -> None:
    folder = Path("b ä")
    folder.mkdir()
    file = folder / "c#1.asl.json"
    file.write_text(WRONG, encoding="utf-8")
    for named in (file, file.absolute()):
        main(["check", str(named), "--format", "sarif", "--output", "found.sarif"])
        (run,) = json.loads(Path("found.sarif").read_text(encoding="utf-8"))["runs"]
        places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
        assert {each["artifactLocation"]["uri"] for each in places} == {"b%20%C3%A4/c%231.asl.json"}


def sarif(*paths: str) -> list[dict[str, Any]]:
    main(["check", *paths, "--format", "sarif", "--output", "found.sarif"])
    (run,) = json.loads(Path("found.sarif").read_text(encoding="utf-8"))["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def test_sarif_names_machines_and_states_where_there_are_some() -> None:
    Path("empty.asl.yaml").write_text("", encoding="utf-8")
    (unreadable,) = sarif("empty.asl.yaml")
    assert "logicalLocations" not in unreadable["locations"][0]
    (wrong,) = sarif("wrong.asl.json")
    assert wrong["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "/States/b"}]
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": WRONG}}
    Path("template.json").write_text(json.dumps({"Resources": {"Shop": resource}}), encoding="utf-8")
    (wrong,) = sarif("template.json")
    assert wrong["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "Shop/States/b"}]


def test_files_outside_of_the_folder_are_named_in_sarif_by_absolute_uris(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "wrong.asl.json"
    path.write_text(WRONG, encoding="utf-8")
    (wrong,) = sarif(str(path))
    assert wrong["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == path.as_uri()


def test_a_mark_is_as_long_as_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    Path("endless.asl.json").write_text(
        '{"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "a"}}}', encoding="utf-8"
    )
    main(["check", "endless.asl.json"])
    assert [line.count("^") for line in capsys.readouterr().out.splitlines() if "^" in line] == [1]


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--explain", "NO_DOLLAR"]) == 0
    assert capsys.readouterr().out.startswith("NO_DOLLAR (warning): A path that is taken for text\n")


@pytest.mark.parametrize(
    ("terminal", "variables", "colours"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colours_are_for_terminals(
    terminal: bool, variables: dict[str, str], colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert coloured() is colours


def test_a_terminal_shows_errors_in_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    main(["check", "wrong.asl.json"])
    assert "\x1b[1;31merror SCHEMA_VALIDATION_FAILED\x1b[0m" in capsys.readouterr().out


def test_definitions_are_compared_by_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    Path("same.asl.yaml").write_text(
        "States: {a: {Type: Succeed, InputPath: $}}\nStartAt: a\n", encoding="utf-8"
    )
    assert main(["diff", "right.asl.json", "same.asl.yaml"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["diff", "right.asl.json", "doubtful.asl.json", "--json"]) == 1
    kinds = [each["kind"] for each in json.loads(capsys.readouterr().out)]
    assert kinds == ["changed", "added", "added"]


@pytest.mark.parametrize("command", ["policy", "graph", "diff"])
def test_a_template_is_not_taken_for_an_empty_definition(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("template.json").write_text('{"Resources": {}}', encoding="utf-8")
    more = ["right.asl.json"] if command == "diff" else []
    assert main([command, "template.json", *more]) == 2
    assert "template.json is no definition, for it has neither StartAt nor States" in capsys.readouterr().err


def test_two_things_are_needed_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "right.asl.json"]) == 2
    assert "what are they to be compared with?" in capsys.readouterr().err
    assert main(["diff", "right.asl.json", "nothing.asl.json"]) == 2


def test_the_hook_of_pre_commit_runs_a_command_that_there_is() -> None:
    text = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert "entry: asfini check\n" in text


def test_the_hook_in_the_docs_runs_the_command_on_definitions_and_templates() -> None:
    text = (Path(__file__).parents[2] / "docs" / "checking.md").read_text(encoding="utf-8")
    block = next(each for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "repos:" in each)
    (hook,) = yaml.safe_load(block)["repos"][0]["hooks"]
    assert hook.keys() >= {"id", "name", "entry", "language"}
    assert hook["entry"] == "asfini check"
    taken = ["a.asl", "in/a.asl.json", "a.asl.yml", "template.yaml", "infra/shop-template.yml"]
    assert all(re.search(hook["files"], name) for name in taken)
    assert not any(re.search(hook["files"], name) for name in ("package.json", "a.asl.py", "template.txt"))
