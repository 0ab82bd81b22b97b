"""Commands that compare and write what is deployed: `diff` with what is registered, `template`."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_lines import connecting

from asfini import CLI, ActivityRegistration, Pass, StateMachine, Task, construct_state_machine
from asfini.cli import main
from asfini.client import Client
from asfini.infrastructure import cloudformation_template

activities = ActivityRegistration(prefix="shop-")


@activities.activity()
async def charge(pence: int) -> int:
    return pence


MACHINE = construct_state_machine("shop", Task("charge", charge))
OTHER = construct_state_machine("shop", Task("pay", charge))


async def registered(client: Client) -> None:
    await client.register(activities, MACHINE)


def status_of(machine: StateMachine, *argv: str) -> Any:
    cli = CLI(machine, activities, connect=connecting(registered))
    try:
        cli.parse_args(argv)
    except SystemExit as end:
        return end.code
    return 0


def test_a_machine_does_not_differ_from_itself_as_it_is_registered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("shop.asl.json").write_text(MACHINE.to_json(), encoding="utf-8")
    assert status_of(MACHINE, "diff") == 0
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:shop"
    assert status_of(OTHER, "diff", arn, "shop.asl.json") == 0
    assert capsys.readouterr().out == ""
    assert status_of(OTHER, "diff") == 1
    assert capsys.readouterr().out.startswith('~ /StartAt: "charge" -> "pay"')


def test_a_template_has_the_machine_its_role_and_the_activities(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(MACHINE, "template") == 0
    assert json.loads(capsys.readouterr().out) == cloudformation_template(MACHINE, activities)
    assert status_of(MACHINE, "template", "--no-activities") == 0
    assert json.loads(capsys.readouterr().out) == cloudformation_template(MACHINE)


def test_a_template_is_written_of_a_file_under_its_name_or_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("nap.asl.json").write_text(construct_state_machine("x", Pass("p")).to_json(), encoding="utf-8")
    for name, more in (("nap", []), ("doze", ["--name", "doze"])):
        assert main(["template", "nap.asl.json", *more]) == 0
        resources = json.loads(capsys.readouterr().out)["Resources"]
        assert resources[name.title()]["Properties"]["StateMachineName"] == name


def test_a_template_of_a_registered_machine_keeps_its_role(capsys: pytest.CaptureFixture[str]) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:shop"
    assert status_of(OTHER, "template", arn, "--no-activities") == 0
    resources = json.loads(capsys.readouterr().out)["Resources"]
    assert list(resources) == ["Shop"]
    assert resources["Shop"]["Properties"]["RoleArn"].startswith("arn:aws:iam::123456789012:role/")


def test_offline_only_machines_of_the_app_can_be_started(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.json").write_text("1", encoding="utf-8")
    assert status_of(MACHINE, "start", "in.json", "--local", "--machine", "shp") == 2
    assert "--local runs machines of --app, but 'shp' is none of them: shop" in capsys.readouterr().err


def test_an_endpoint_that_is_no_url_is_told_by_the_options_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["executions", "--machine", "shop", "--endpoint-url", "127.0.0.1:8083"]) == 2
    assert (
        "--endpoint-url must be like http://localhost:8083, not '127.0.0.1:8083'" in capsys.readouterr().err
    )


@pytest.mark.parametrize("command", ["template", "policy", "diff"])
def test_which_machine_is_asked_for_where_it_is_given(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        CLI(["a", "b"], prog="shop").parse_args([command])
    assert end.value.code == 2
    assert capsys.readouterr().err == f"shop: error: which state machine? choose after `{command}`: a, b\n"


def test_what_is_hinted_at_is_done_where_the_command_was(capsys: pytest.CaptureFixture[str]) -> None:
    url = "http://127.0.0.1:8083"
    cli = CLI(MACHINE, prog="shop", connect=lambda endpoint_url: connecting()())
    with pytest.raises(SystemExit):
        cli.parse_args(["executions", "--endpoint-url", url])
    assert f"shop: hint: `shop --endpoint-url {url} register` makes it known; " in capsys.readouterr().err
