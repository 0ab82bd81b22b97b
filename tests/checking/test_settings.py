"""Which files are checked, and what is left out."""

import os
from pathlib import Path

import pytest

from asfini import InvalidArgument
from asfini.checking import Settings, check_files, find_files, read_settings

WRONG = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "Parameters": {"x": "$.y"}}}}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "a.asl.json",
        "infra/b.asl.json",
        "infra/deep/c.json",
        "notes.txt",
        "node_modules/d.asl.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(WRONG, encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "e.asl.json").write_text(WRONG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(text: str) -> Settings:
    Path("pyproject.toml").write_text(f"[tool.asfini.check]\n{text}\n", encoding="utf-8")
    return read_settings()


def found(*paths: str, settings: Settings | None = None) -> list[str]:
    files = find_files(paths, settings or read_settings())
    return [file.resolve().relative_to(Path.cwd().resolve()).as_posix() for file in files]


def test_folders_are_searched_but_for_those_with_files_of_others() -> None:
    everything = ["a.asl.json", "infra/b.asl.json", "infra/deep/c.json"]
    assert found() == found(".") == everything
    assert found("infra") == everything[1:]


def test_what_is_called_like_a_file_but_is_none_is_left_alone() -> None:
    Path("infra/gone.json").symlink_to("nowhere.json")
    Path("infra/folder.json").mkdir()
    Path("infra/loop").symlink_to(".")
    os.mkfifo("infra/pipe.json")
    assert found("infra") == ["infra/b.asl.json", "infra/deep/c.json"]


def test_files_and_patterns_are_taken_as_they_are_named_each_once() -> None:
    assert found("notes.txt", ".hidden/e.asl.json") == ["notes.txt", ".hidden/e.asl.json"]
    assert found("infra/**/*.json", "infra/b.asl.json") == ["infra/b.asl.json", "infra/deep/c.json"]


def test_patterns_find_no_files_of_others_unless_they_name_their_folders() -> None:
    assert found("**/*.json") == found(".")
    assert found("node_modules/*.json") == ["node_modules/d.asl.json"]
    assert found(".hidden/**/*.json") == [".hidden/e.asl.json"]


@pytest.mark.parametrize("path", ["nothing", "nothing.json", "*.nothing"])
def test_what_is_not_there_is_named(path: str) -> None:
    with pytest.raises(InvalidArgument, match="there is no file"):
        found(path)


def test_settings_say_what_is_checked_where_nothing_is_named() -> None:
    settings = configure('include = ["infra/**/*.json"]\nexclude = ["deep"]')
    assert found(settings=settings) == ["infra/b.asl.json"]
    assert found("a.asl.json", settings=settings) == ["a.asl.json"]


def test_settings_of_a_folder_above_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    configure('exclude = ["infra/deep"]')
    monkeypatch.chdir("infra")
    assert [file.name for file in find_files([], read_settings())] == ["b.asl.json"]


def codes(settings: Settings) -> dict[str, set[str]]:
    results = check_files(find_files([], settings), settings)
    return {Path(result.path).name: {each.code for each in result.findings} for result in results}


def test_rules_can_be_left_out_everywhere_and_by_file() -> None:
    both = {"MISSING_END_STATE", "NO_DOLLAR"}
    plain = codes(read_settings())
    assert both <= plain["a.asl.json"]
    rest = plain["a.asl.json"] - both
    settings = configure('ignore = ["MISSING_END_STATE"]\nper-file-ignores = {"infra" = ["NO_DOLLAR"]}')
    assert codes(settings)["a.asl.json"] == rest | {"NO_DOLLAR"}
    assert codes(settings)["c.json"] == rest
    assert codes(configure("warnings = false"))["c.json"] == rest | {"MISSING_END_STATE"}


def test_options_add_to_what_is_ignored_and_replace_the_rest() -> None:
    configure('ignore = ["NO_PATH"]\nstrict = true')
    settings = read_settings(ignore=("NO_DOLLAR",), strict=False)
    assert (settings.ignore, settings.strict) == (("NO_PATH", "NO_DOLLAR"), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('ignore = ["NONSENSE"]', "there is no rule 'NONSENSE' to ignore"),
        ('per-file-ignores = {"a" = ["NONSENSE"]}', "there is no rule 'NONSENSE' to ignore"),
        ('ignore = "NO_PATH"', "tool.asfini.check.ignore is a list of texts, not 'NO_PATH'"),
        ("per-file-ignores = 1", "tool.asfini.check.per-file-ignores is rules by pattern, not 1"),
        ("strict = 1", "tool.asfini.check.strict is true or false, not 1"),
        ("select = []", "tool.asfini.check has no 'select', but include, "),
        ("=", "cannot read .*pyproject.toml"),
    ],
)
def test_settings_that_make_no_sense_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        configure(text)


def test_what_a_template_uses_is_checked_as_that_alone() -> None:
    template = """\
Resources:
  Shop:
    Type: AWS::Serverless::StateMachine
    Properties: {Type: EXPRESS, DefinitionUri: shop.asl.json}
"""
    task = '{"Type": "Task", "Resource": "arn:aws:states:eu-west-1:123456789012:activity:a", "End": true}'
    Path("shop.asl.json").write_text(f'{{"StartAt": "a", "States": {{"a": {task}}}}}', encoding="utf-8")
    Path("z.yaml").write_text(template, encoding="utf-8")
    settings = read_settings()
    results = list(check_files(find_files(["shop.asl.json", "z.yaml"], settings), settings))
    assert [result.path for result in results] == ["z.yaml"]
    assert [(each.path, each.machine) for each in results[0].findings] == [("shop.asl.json", "Shop")]
