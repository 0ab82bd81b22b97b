"""Coverage of machines by the pytest plugin: a few runs of their own, and the plugin as such runs call it."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

try:
    import execnet
except ImportError:  # it comes with pytest-xdist
    execnet = None

import asfini
from asfini import Pass, construct_state_machine
from asfini.testing import coverage
from asfini.testing._pytest_coverage import CoveragePlugin, Settings

pytest_plugins = ["pytester"]

with_xdist = pytest.mark.skipif(
    importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed"
)
TESTS = """
import asfini
import pytest
from asfini import Choice, NumericGreaterThan, Pass, Succeed, construct_state_machine

size = Choice("size").add(NumericGreaterThan("$", 5), Succeed("large"))
size.add(NumericGreaterThan("$", 1), Succeed("middle"))
size.set_default(Succeed("small"))
shop = construct_state_machine("shop", size)

@pytest.mark.parametrize("given", [9, 3])
async def test_sizes(local_client, given):
    await local_client.register(shop, construct_state_machine("idle", Pass("p")))
    assert await local_client.execute(shop, given) == given
"""
TABLE = [
    "*= coverage of state machines =*",
    "machine *states *transitions *choice rules *retries *catches *taken",
    "idle * 0/1 * 0/2 * - * - * - * 0 %",
    "*never executed",
    "shop * 3/4 * 1/1 * 2/3 * - * - * 75 %",
    "*not taken: size → small, otherwise",
    "*not taken: state small",
    "all * 3/5 * 1/3 * 2/3 * - * - * 54.5 %",
]


def write_ini(pytester: pytest.Pytester, more: str) -> None:
    scope = "asyncio_default_fixture_loop_scope = function"  # else pytest-asyncio warns
    pytester.makeini(f"[pytest]\nasyncio_mode = auto\n{scope}\n{more}\n")


def run(pytester: pytest.Pytester, *arguments: str, ini: str = "", tests: str = TESTS) -> pytest.RunResult:
    """Run tests in a process of their own, in which a warning is an error."""
    write_ini(pytester, ini)
    pytester.makepyfile(test_sizes=tests)
    return pytester.runpytest_subprocess("-Werror", "-p", "no:cacheprovider", *arguments)


@with_xdist
def test_what_several_processes_measured_is_merged(pytester: pytest.Pytester) -> None:
    options = ("--asfini-cov", "--asfini-cov-report=term", "--asfini-cov-report=json:cov.json")
    result = run(pytester, *options, "-n", "2", tests=TESTS.replace("== given", "== 9"))
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(TABLE)
    report = json.loads((pytester.path / "cov.json").read_text(encoding="utf-8"))
    told = {machine["name"]: machine["elements"] for machine in report["machines"]}
    assert told["shop"]["/States/size"] == 2
    assert {told["shop"][f"/States/size/Choices/{place}"] for place in range(2)} == {1}


def test_a_configuration_file_can_ask_for_it(pytester: pytest.Pytester) -> None:
    ini = "asfini_cov = sh* other\nasfini_cov_fail_under = 80\n"
    ini += "asfini_cov_report =\n    json:out/cov.json\n    html:out/pages"
    result = run(pytester, ini=ini)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    files = ["json: out/cov.json", "html: out/pages"]
    result.stdout.fnmatch_lines(["75 % of 1 machine", *files, "FAILED: 75 % taken, but 80 % wanted"])
    result.stdout.no_fnmatch_line("machine *")
    (shop,) = json.loads((pytester.path / "out/cov.json").read_text(encoding="utf-8"))["machines"]
    assert (shop["name"], shop["percent"]) == ("shop", 75)
    assert "shop" in (pytester.path / "out/pages/index.html").read_text(encoding="utf-8")


async def half_and_nothing() -> None:
    """Take all of one machine, and nothing of another one that is as large."""
    async with asfini.local.connect() as client:
        for name, start in (("whole", Pass("half of a character: \ud800")), ("idle", Pass("q"))):
            await client.register(construct_state_machine(name, start))
        await client.execute("whole")


class Terminal:
    """What the plugin wrote into a terminal."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str) -> None:
        self.lines.append(title)

    def write_line(self, line: str, **_: bool) -> None:
        self.lines.append(line)


def plugin(folder: Path, *given: Any, collect: bool = False, **more: Any) -> CoveragePlugin:
    """The plugin, in a run that was called in a folder with some settings."""
    settings = Settings.read(*given, *[["*"], [], None][len(given) :])
    called = SimpleNamespace(dir=folder)
    config: Any = SimpleNamespace(
        option=SimpleNamespace(collectonly=collect), invocation_params=called, **more
    )
    return CoveragePlugin(config, settings)


def node(name: str, **more: Any) -> Any:
    """A worker of pytest-xdist."""
    return SimpleNamespace(gateway=SimpleNamespace(id=name), **more)


def finish(plugin: CoveragePlugin, status: int = 0) -> tuple[int, list[str]]:
    """Let a run end; gives its exit code and what is shown."""
    session: Any = SimpleNamespace(exitstatus=status)
    plugin.pytest_sessionfinish(session)
    terminal: Any = Terminal()
    plugin.pytest_terminal_summary(terminal)
    return session.exitstatus, terminal.lines


@pytest.mark.parametrize(("least", "code"), [("50", 0), ("50.1", 1), (100, 1), ("0", 0), ("", 0)])
async def test_a_run_fails_below_a_threshold(tmp_path: Path, least: Any, code: int) -> None:
    running = plugin(tmp_path, ["*"], [], least)
    await half_and_nothing()
    ended, lines = finish(running)
    assert ended == code
    assert (lines[-1] == f"FAILED: 50 % taken, but {least} % wanted") == bool(code)


async def test_a_run_that_ended_otherwise_keeps_its_exit_code(tmp_path: Path) -> None:
    running = plugin(tmp_path, ["*"], [], 99)
    await half_and_nothing()
    assert finish(running, pytest.ExitCode.INTERRUPTED)[0] == pytest.ExitCode.INTERRUPTED


async def test_machines_are_chosen_by_name(tmp_path: Path) -> None:
    running = plugin(tmp_path, ["who??,nothing", "other"], ["term"], 100)
    await half_and_nothing()
    ended, lines = finish(running)
    assert ended == 0
    assert [line.split()[0] for line in lines if line[0].isalpha()] == ["coverage", "machine", "whole", "all"]


async def test_where_no_machine_is_measured_a_threshold_is_not_reached(tmp_path: Path) -> None:
    running = plugin(tmp_path, ["nothing"], [], 1)
    await half_and_nothing()
    ended, lines = finish(running)
    assert ended == 1
    assert lines[1:] == [
        "no state machine was registered whose name is nothing",
        "FAILED: 0 % taken, but 1 % wanted",
    ]


def test_a_folder_of_tests_that_is_taken_for_a_machine_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    assert finish(plugin(tmp_path, ["tests"]))[1][1:] == [
        "no state machine was registered whose name is tests",
        "if tests is where tests are, put it before --asfini-cov",
    ]


async def test_collecting_alone_reports_nothing(tmp_path: Path) -> None:
    running = plugin(tmp_path, ["*"], ["json:cov.json"], 80, collect=True)
    assert finish(running) == (0, [])
    assert [*tmp_path.iterdir()] == []  # noqa: ASYNC240 - nothing else runs


async def test_workers_send_what_they_noted_and_report_nothing(tmp_path: Path) -> None:
    output: dict[str, Any] = {}
    worker, controller = plugin(tmp_path, workeroutput=output), plugin(tmp_path)
    controller.pytest_unconfigure()  # in a process of its own it would see nothing of this
    await half_and_nothing()
    assert finish(worker)[0] == 0
    sent = execnet.loads(execnet.dumps(output)) if execnet else output
    controller.pytest_testnodeready(node("gw0"))
    controller.pytest_testnodedown(node("gw0", workeroutput=sent))
    told = finish(controller)[1]
    assert "whole" in " ".join(told)
    assert "gw0" not in " ".join(told)


def test_workers_that_crashed_or_were_interrupted_are_told_of(tmp_path: Path) -> None:
    running = plugin(tmp_path)
    for name in ("gw7", "gw8"):
        running.pytest_testnodeready(node(name))
    running.pytest_testnodedown(node("gw7"))
    assert finish(running)[1][-2:] == [
        "what the worker gw7 measured is missing, for it did not come to its end",
        "what the worker gw8 measured is missing, for it did not come to its end",
    ]


def test_a_report_that_cannot_be_written_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    running = plugin(tmp_path, ["*"], ["term", "html:file", "json:file/cov.json", "json:cov.json"])
    ended, lines = finish(running)
    assert ended == pytest.ExitCode.TESTS_FAILED
    assert lines[2] == "json: cov.json"
    assert [line.partition(" [")[0] for line in lines[3:]] == [
        "FAILED: html report cannot be written:",
        "FAILED: json report cannot be written:",
    ]


async def test_reports_are_written_where_pytest_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = plugin(tmp_path, ["*"], ["json:made/cov.json"])
    monkeypatch.chdir("/")
    await half_and_nothing()
    assert finish(running)[1][-1] == "json: made/cov.json"
    assert json.loads((tmp_path / "made/cov.json").read_text(encoding="utf-8"))["percent"] == 50


async def test_a_run_and_a_block_in_it_measure_both(tmp_path: Path) -> None:
    running = plugin(tmp_path)
    with coverage() as measured:
        await half_and_nothing()
    assert finish(running)[1][1:] == measured.to_text().splitlines()


def test_the_command_line_comes_before_the_configuration_file(pytester: pytest.Pytester) -> None:
    ini = "asfini_cov = a b\nasfini_cov_report = json:a.json\nasfini_cov_fail_under = 9"
    write_ini(pytester, ini)
    found: Any = pytester.parseconfigure().pluginmanager.getplugin("asfini-coverage")
    assert found.settings == Settings(("a", "b"), False, (("json", "a.json"),), 9)
    options = ("--asfini-cov=c,d", "--asfini-cov", "--asfini-cov-report=term", "--asfini-cov-fail-under=70")
    found = pytester.parseconfigure(*options).pluginmanager.getplugin("asfini-coverage")
    assert found.settings == Settings(("c", "d", "*"), True, (), 70)
    assert pytester.parseconfigure("-o", "asfini_cov=").pluginmanager.getplugin("asfini-coverage") is None


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ((["tests/one.py"], [], None), "names of state machines, not 'tests/one.py': put paths before it"),
        ((["*"], ["xml"], None), "--asfini-cov-report is term, html:DIR or json:FILE, not 'xml'"),
        ((["*"], ["html:"], None), "not 'html:'"),
        ((["*"], [], 101), "--asfini-cov-fail-under is a percentage from 0 to 100, not 101"),
        ((["*"], [], "most"), "not 'most'"),
        ((["*"], [], "nan"), "not 'nan'"),
    ],
)
def test_options_that_make_no_sense_are_refused(given: Any, complaint: str) -> None:
    with pytest.raises(pytest.UsageError, match=complaint.replace("*", r"\*")):
        Settings.read(*given)


@pytest.mark.parametrize("option", ["--asfini-cov-report=term", "--asfini-cov-fail-under=80"])
def test_options_that_do_nothing_by_themselves_are_refused(pytester: pytest.Pytester, option: str) -> None:
    write_ini(pytester, "")
    with pytest.raises(pytest.UsageError, match=f"{option.partition('=')[0]} needs --asfini-cov"):
        pytester.parseconfigure(option)
