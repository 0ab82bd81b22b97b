"""What registering changes, or would."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from asfini import CLI, Activity, Client, Pass, StateMachine, construct_state_machine, local
from asfini.errors import DoesNotExist, StateMachineAlreadyExists


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with local.connect() as connected:
        yield connected


def shop(comment: str | None = None, **options: str) -> StateMachine:
    state = Pass("size") if comment is None else Pass("size", comment=comment)
    return construct_state_machine("shop", state, tags=options or None)


async def test_nothing_is_made_by_a_dry_run(client: Client) -> None:
    changes = await client.register(shop(), Activity("pay"), dry_run=True)
    assert list(map(str, changes)) == ["create_activity pay", "create_state_machine shop"]
    assert not await client.is_registered("shop")
    assert not await client.is_registered(Activity("pay"))
    with pytest.raises(DoesNotExist):
        await client.machine("shop")


async def test_what_was_done_is_what_a_dry_run_told(client: Client) -> None:
    for machine in (shop(), shop("big"), shop("big", team="a")):
        told = await client.register(machine, Activity("pay"), dry_run=True)
        assert told == await client.register(machine, Activity("pay"), allow_update=True)
        assert told != []
        assert await client.register(machine, Activity("pay"), dry_run=True) == []


async def test_a_dry_run_tells_differences_though_they_are_not_allowed(client: Client) -> None:
    await client.register(shop())
    (change,) = await client.register(shop("big"), dry_run=True)
    assert change.options == ("definition",)
    assert str(change) == 'update_state_machine shop: definition\n  + /States/size/Comment: "big"'
    assert (await client.machine("shop")).definition.states["size"].comment is None
    with pytest.raises(StateMachineAlreadyExists):
        await client.register(shop("big"))


async def test_a_dry_run_tells_that_a_type_cannot_be_changed(client: Client) -> None:
    await client.register(shop())
    express = StateMachine("shop", shop().definition, type="EXPRESS")
    for dry_run in (True, False):
        with pytest.raises(StateMachineAlreadyExists, match="a machine's type cannot be changed"):
            await client.register(express, allow_update=True, dry_run=dry_run)


async def test_what_the_service_adds_to_options_is_no_change(client: Client) -> None:
    plain = construct_state_machine("shop", Pass("size"), logging={"level": "OFF"}, tracing=True)
    await client.register(plain)
    assert await client.register(plain, dry_run=True) == []
    more = {"level": "OFF", "includeExecutionData": True}
    other = construct_state_machine("shop", Pass("size"), logging=more, tracing=False)
    (change,) = await client.register(other, dry_run=True)
    assert change.options == ("loggingConfiguration", "tracingConfiguration")


def command_line(client: Client, machine: StateMachine) -> CLI:
    """A program whose commands all reach one service."""

    @asynccontextmanager
    async def connect(**_: object) -> AsyncIterator[Client]:
        yield client

    return CLI(machine, prog="shop", connect=connect)


def run(program: CLI, *arguments: str) -> int:
    try:
        program.parse_args(arguments)
    except SystemExit as error:
        return int(error.code or 0)
    return 0


async def test_the_command_line_compares_and_registers_by_meaning(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.register(shop())
    program = command_line(client, shop("big"))
    assert await asyncio.to_thread(run, program, "diff") == 1
    assert capsys.readouterr().out == '+ /States/size/Comment: "big"\n'
    assert await asyncio.to_thread(run, program, "register", "--dry-run") == 0
    assert capsys.readouterr().out.startswith("update_state_machine shop: definition\n")
    assert await asyncio.to_thread(run, program, "register", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["options"] == ["definition"]
    await client.register(shop("big"), allow_update=True)
    assert await asyncio.to_thread(run, program, "diff") == 0
    assert await asyncio.to_thread(run, program, "register", "--dry-run") == 0
    assert capsys.readouterr().out == "nothing would change\n"
