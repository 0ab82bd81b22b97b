"""What is wrong is named, what to do next is said, and nothing is left half-written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_lines import connecting

from asfini import CLI, Client, Lambda, Pass, Task, Wait, construct_state_machine, errors
from asfini.cli.output import write_files
from asfini.errors import InvalidArgument, TaskFailed
from asfini.testing import Fault

PREFIX = "arn:aws:states:us-east-1:123456789012"
FAILED = f"{PREFIX}:execution:shop:failed"
RUNNING = f"{PREFIX}:execution:nap:running"


async def setting(client: Client) -> None:
    """An execution that failed and one that runs."""
    nap = construct_state_machine("nap", Wait("nap", seconds=3600))
    await client.register(construct_state_machine("shop", Task("charge", Lambda("charge"))), nap)
    client.mock("charge", side_effect=TaskFailed("Declined", "too much"))
    await (await client.start_execution("shop", name="failed")).wait(raise_on_failure=False)
    await client.start_execution(nap, name="running")


@pytest.fixture
def shop(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str, str]]:
    """Run a command on a service that has those executions."""

    def run(*argv: str, **options: Any) -> tuple[Any, str, str]:
        status: Any = 0
        try:
            CLI("shop", prog="shop", connect=connecting(setting, **options)).parse_args(argv)
        except SystemExit as end:
            status = end.code
        return (status, *capsys.readouterr())

    return run


Shop = Callable[..., tuple[Any, str, str]]


@pytest.mark.parametrize(
    ("argv", "status", "told"),
    [
        (["redrive", RUNNING], 1, "ExecutionNotRedrivable: "),
        (["redrive", RUNNING], 1, f"shop: hint: `shop explain {RUNNING}` says how it stands; `shop start`"),
        (["explain", f"{FAILED}2"], 1, "ExecutionDoesNotExist: Execution Does Not Exist: '"),
        (
            ["report", f"{FAILED}2"],
            1,
            "shop: hint: it is in another --region, of another --profile, or ended",
        ),
        (["record", RUNNING], 2, f"only what succeeded or failed can be repeated: {RUNNING} is RUNNING"),
        (["record", FAILED, "-d", "file"], 2, "cannot write to file: File exists"),
        (["record", FAILED, "-d", "file/in"], 2, "cannot write to file/in: Not a directory"),
        (
            ["report", FAILED, "-o", "no/where.html"],
            2,
            "cannot write no/where.html: there is no directory no",
        ),
        (["trace", FAILED, "-o", "."], 2, "cannot write .: it is a directory"),
        (["graph", "-o", "shop.png"], 2, "what is shop.png to be? its name may end in .svg, .mmd, "),
        (["graph", "shop", "-o", "no/shop.svg"], 2, "cannot write no/shop.svg: there is no directory no"),
        (["graph", "x" * 300], 2, f"cannot read {'x' * 300}: File name too long"),
        (["graph", "shpo"], 1, "StateMachineDoesNotExist: "),
        (["diff", "one.asl.json", "broken.json"], 2, "broken.json: the definition is not JSON: "),
        (["diff", "one.asl.json"], 2, "what are they to be compared with? give two files, names or ARNs"),
        (["template", "nowhere.json"], 2, "cannot read nowhere.json: No such file or directory"),
        (
            ["template", "wrong.asl.json"],
            2,
            "  /States/p/Next: Missing",
        ),
        (["policy", "broken.json"], 2, "broken.json: the definition is not JSON: "),
        (["policy", "one.asl.json", "--account", "12"], 2, "--account is a number of 12 digits, not '12'"),
        (["check", "nowhere.json"], 2, "there is no file or folder nowhere.json"),
        (["check", "-o", "no/where.sarif"], 2, "cannot write no/where.sarif: there is no directory no"),
        (["check", "--explain", "NO_DOLAR"], 2, "there is no rule 'NO_DOLAR', but "),
        (
            ["start", "one.asl.json", "-m", f"{PREFIX}:stateMachine:none"],
            1,
            "shop: hint: `shop register` makes",
        ),
        (["start", "one.asl.json", "-m", "shop", "-n", "failed"], 1, "shop: hint: --name names it otherwise"),
    ],
)
def test_what_goes_wrong_is_named_and_nothing_is_left_behind(
    argv: list[str], status: int, told: str, shop: Shop
) -> None:
    state = {"Type": "Pass", "End": True}
    Path("one.asl.json").write_text(json.dumps({"StartAt": "p", "States": {"p": state}}), encoding="utf-8")
    wrong = {"StartAt": "p", "States": {"p": {"Type": "Pass", "Next": "q"}}}
    Path("wrong.asl.json").write_text(json.dumps(wrong), encoding="utf-8")
    Path("broken.json").write_text("{", encoding="utf-8")
    Path("file").write_text("", encoding="utf-8")
    before = sorted(Path().rglob("*"))
    ended, out, err = shop(*argv)
    assert (ended, out) == (status, "")
    assert told in err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        (errors.AccessDenied, "`shop policy --for starter` and `--for worker` print what must be allowed"),
        (
            errors.CredentialsInvalid,
            "--profile names other credentials of AWS's configuration; without AWS, run",
        ),
        (errors.Throttled, "AWS asks to be called less often; the same command may do in a while"),
        (
            errors.ConnectionFailed,
            "is something listening at --endpoint-url or AWS_ENDPOINT_URL? `shop local`",
        ),
    ],
)
def test_after_a_refused_call_it_is_said_what_to_do_next(fault: Any, hint: str, shop: Shop) -> None:
    ended, out, err = shop("explain", FAILED, faults={"get_execution_history": Fault(fault)})
    assert (ended, out) == (1, "")
    assert f"shop: hint: {hint}" in err
    assert "hint" not in shop("-q", "explain", FAILED, faults={"get_execution_history": Fault(fault)})[2]


def test_a_report_that_cannot_be_made_leaves_the_earlier_one(shop: Shop) -> None:
    Path("failed.html").write_text("before", encoding="utf-8")
    assert shop("report", FAILED, faults={"get_execution_history": Fault(errors.Throttled)})[0] == 1
    assert Path("failed.html").read_text(encoding="utf-8") == "before"
    assert shop("report", FAILED)[0] == 0
    assert Path("failed.html").read_text(encoding="utf-8").startswith("<!doctype html>")


# Files


def test_files_are_written_all_or_none() -> None:
    Path("a").write_text("before", encoding="utf-8")
    with pytest.raises(InvalidArgument, match=f"cannot write {'x' * 300}: File name too long"):
        write_files({Path("a"): "after", Path("b"): "new", Path("x" * 300): "never"})
    assert {path.name: path.read_text(encoding="utf-8") for path in Path().iterdir()} == {"a": "before"}


def test_a_file_that_is_written_over_keeps_its_mode_and_links_to_it() -> None:
    Path("a").write_text("before", encoding="utf-8")
    Path("a").chmod(0o640)
    Path("link").symlink_to("a")
    write_files({Path("link"): "after \ud800"})
    assert Path("link").is_symlink()
    assert Path("a").read_text(encoding="utf-8") == "after ?"
    assert Path("a").stat().st_mode & 0o777 == 0o640


# Histories


@pytest.mark.parametrize(
    ("filters", "note"),
    [
        (["--state", "chrge"], "no event is of state 'chrge'; there are states: charge\n"),
        (
            ["-s", "[c]harge", "-s", "?harge"],
            "no event is of state '[c]harge' or '?harge'; there are states: ",
        ),
        (["--type", "TaskFailed"], "no event is of type 'TaskFailed'; there are types: ExecutionStarted, "),
        (["-s", "charge", "-t", "Map*"], "no event is of state 'charge' and type 'Map*'; there are states: "),
    ],
)
def test_a_filter_that_takes_nothing_says_what_there_would_be(
    filters: list[str], note: str, shop: Shop
) -> None:
    status, out, err = shop("history", FAILED, *filters)
    assert (status, out) == (0, "")
    assert err.startswith(note)
    assert shop("history", FAILED, *filters, "-q")[2] == ""
    assert json.loads(shop("history", FAILED, *filters, "--json")[1]) == []


@pytest.mark.parametrize(("pattern", "taken"), [("a [b] c?*", 2), ("a [b*", 2), ("*", 2), ("a ? c*", 0)])
def test_a_filters_signs_are_those_of_the_name_but_for_the_star(
    pattern: str, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def before(client: Client) -> None:
        await client.register(construct_state_machine("odd", Pass("a [b] c?*")))
        await client.execute("odd", name="x")

    cli = CLI("odd", prog="shop", connect=connecting(before))
    cli.parse_args(["history", f"{PREFIX}:execution:odd:x", "--state", pattern, "--json"])
    assert len(json.loads(capsys.readouterr().out)) == taken
