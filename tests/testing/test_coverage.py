"""Coverage of machines: what of them executions and tests of states take, and what not."""

import asyncio
import json
from collections import Counter
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import asfini
from asfini import (
    Choice,
    Client,
    Definition,
    Fail,
    Lambda,
    Map,
    NumericGreaterThan,
    Parallel,
    Pass,
    State,
    StateMachine,
    Succeed,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.asl.map import ProcessorConfig
from asfini.errors import InvalidArgument, TaskFailed
from asfini.history import StateEntered
from asfini.local.noting import notes
from asfini.testing import Coverage, coverage, virtual_time
from asfini.view.covering import percent_said

WORK = Lambda("work")


async def run(client: Client, start: State, given: Any = None, name: str = "machine", **options: Any) -> None:
    """Register a machine and run it to whatever end it comes to."""
    machine = construct_state_machine(name, start)
    await client.register(machine, **options)
    execution = await client.start_execution(machine, given)
    await execution.wait(raise_on_failure=False)


def chain(*states: Any) -> Any:
    """Let states follow each other, and give the first."""
    for state, following in pairwise(states):
        state.goes_to(following)
    return states[0]


def missing(measured: Coverage) -> list[str]:
    (machine,) = measured.machines
    return machine.missing_said()


def counts(measured: Coverage) -> dict[str, int]:
    (machine,) = measured.machines
    return {each.pointer: machine.count(each) for each in machine.elements if machine.count(each)}


@pytest.fixture
async def client() -> Any:
    with virtual_time():
        async with asfini.local.connect() as client:
            yield client


async def test_what_an_execution_takes_is_counted_by_its_pointer(client: Client) -> None:
    pay = Task("pay", WORK).retry_for(["Busy"]).catch(["Declined"], Fail("declined"))
    pay >> Succeed("paid")
    client.mock(WORK, side_effect=[TaskFailed("Busy"), TaskFailed("Busy"), 1])
    with coverage() as measured:
        await run(client, pay)
    assert counts(measured) == {
        "/StartAt": 1,
        "/States/pay": 1,
        "/States/pay/Next": 1,
        "/States/pay/Retry/0": 2,
        "/States/paid": 1,
    }
    assert missing(measured) == ["pay → declined on Declined", "state declined"]
    assert round(measured.percent, 1) == 71.4


async def test_rules_that_lead_to_the_same_state_are_told_apart(client: Client) -> None:
    last, size = Pass("last"), Choice("size")
    for pence in (900, 90, 9):
        size.add(NumericGreaterThan("$", pence), last)
    size.set_default(last)
    with coverage() as measured:
        await run(client, size, 100)
        await run(client, size, 1)
    assert counts(measured).keys() >= {"/States/size/Choices/1", "/States/size/Default"}
    assert missing(measured) == ["size → last if $ > 900", "size → last if $ > 9"]


async def test_rules_and_catchers_in_jsonata_are_told_apart(client: Client) -> None:
    last, size = Pass("last"), Choice("size")
    for pence in (90, 9):
        size.add(f"{{% $states.input > {pence} %}}", last)
    size.set_default(last)
    work = Task("work", WORK).catch(["A"], size).catch(["B"], size, output=10)
    client.mock(WORK, side_effect=TaskFailed("B"))
    machine = construct_state_machine("machine", work, query_language="JSONata")
    with coverage() as measured:
        await client.register(machine)
        await client.execute(machine)
    assert missing(measured) == [
        "work → end",
        "work → size on A",
        "size → last if $states.input > 90",
        "size → last, otherwise",
    ]


async def test_the_retrier_and_the_catcher_that_name_an_error_are_taken(client: Client) -> None:
    tell = Pass("tell")
    work = Task("work", WORK).retry_for(["A"]).retry_for(["B"], max_attempts=0).retry_for(["C"])
    work.catch(["A"], tell).catch(["B"], tell)
    client.mock(WORK, side_effect=TaskFailed("B"))
    with coverage() as measured:
        await run(client, work)
    assert missing(measured) == ["work → end", "work retries A ×3", "work retries C ×3", "work → tell on A"]


async def test_a_state_that_failed_or_was_stopped_led_nowhere(client: Client) -> None:
    client.mock(WORK, side_effect=TaskFailed("Broken"))
    rest = construct_state_machine("rest", Wait("rest", 3600))
    with coverage() as measured:
        await run(client, chain(Task("work", WORK), Pass("after")), name="broken")
        await client.register(rest)
        execution = await client.start_execution(rest)
        await asyncio.sleep(1)
        await execution.stop()
    assert [machine.missing_said() for machine in measured.machines] == [
        ["work → after", "state after"],
        ["rest → end"],
    ]


async def test_branches_and_processors_are_measured_in_their_places(client: Client) -> None:
    branch = Choice("which").add(NumericGreaterThan("$[0]", 1), Pass("many"))
    branch.set_default(Pass("few"))
    both = Parallel("both").add(branch).add(Map("each", Wait("rest", 1)))
    with coverage() as measured:
        await run(client, both, [1, 2])
    assert counts(measured) == {
        "/StartAt": 1,
        "/States/both": 1,
        "/States/both/End": 1,
        "/States/both/Branches/0/StartAt": 1,
        "/States/both/Branches/0/States/which": 1,
        "/States/both/Branches/0/States/which/Default": 1,
        "/States/both/Branches/0/States/few": 1,
        "/States/both/Branches/0/States/few/End": 1,
        "/States/both/Branches/1/StartAt": 1,
        "/States/both/Branches/1/States/each": 1,
        "/States/both/Branches/1/States/each/End": 1,
        "/States/both/Branches/1/States/each/ItemProcessor/StartAt": 2,
        "/States/both/Branches/1/States/each/ItemProcessor/States/rest": 2,
        "/States/both/Branches/1/States/each/ItemProcessor/States/rest/End": 2,
    }
    assert missing(measured) == ["both: which → many if $[0] > 1", "both: state many"]


async def test_of_a_branch_that_was_never_begun_its_start_is_missing(client: Client) -> None:
    with coverage() as measured:
        await run(client, Map("each", Pass("one")), [])
    assert missing(measured) == ["each: start → one", "each: state one"]


async def test_children_of_a_distributed_map_belong_to_its_machine(client: Client) -> None:
    each = Map("each", Pass("one"))
    assert each.item_processor is not None
    each.item_processor.processor_config = ProcessorConfig(mode="DISTRIBUTED", execution_type="EXPRESS")
    with coverage() as measured:
        await run(client, each, [1, 2, 3])
    assert counts(measured)["/States/each/ItemProcessor/States/one/End"] == 3
    assert missing(measured) == []


async def test_express_executions_and_nested_ones_are_measured(client: Client) -> None:
    fast = construct_state_machine("fast", Pass("p"), type="EXPRESS")
    inner = construct_state_machine("inner", Pass("p"))
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:inner"
    nest = "arn:aws:states:::states:startExecution.sync:2"
    outer = construct_state_machine("outer", Task("nest", nest, parameters={"StateMachineArn": arn}))
    with coverage() as measured:
        await client.register(fast, inner, outer)
        await client.start_sync_execution(fast)
        await client.execute(outer)
    assert {machine.name: str(machine.tally()) for machine in measured.machines} == {
        "fast": "3/3",
        "inner": "3/3",
        "outer": "3/3",
    }


async def test_a_machine_that_was_never_executed_is_told(client: Client) -> None:
    with coverage() as measured:
        await client.register(construct_state_machine("idle", Pass("a")))
    assert (measured.percent, [machine.name for machine in measured.machines]) == (0, ["idle"])
    assert "never executed" in measured.to_text()


async def test_a_redrive_enters_no_state_once_more(client: Client) -> None:
    machine = construct_state_machine("machine", chain(Task("work", WORK), Pass("after")))
    client.mock(WORK, side_effect=[TaskFailed("Broken"), 1])
    with coverage() as measured:
        await client.register(machine)
        execution = await client.start_execution(machine)
        await execution.wait(raise_on_failure=False)
        await execution.redrive()
        await execution.wait()
    assert set(counts(measured).values()) == {1}


async def test_names_with_slashes_and_of_fields_are_pointed_at(client: Client) -> None:
    with coverage() as measured:
        follows = Choice("Next").add(NumericGreaterThan("$", 0), Succeed("End"))
        await run(client, chain(Pass("a/b~c"), follows), 1)
    (machine,) = measured.machines
    assert machine.missing == []
    for element in machine.elements:
        found: Any = machine.definition.to_dict()
        for part in element.pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]
        assert found is not None


# Tests of states


def shop(*, rate: int = 2) -> StateMachine:
    pay = Task("pay", WORK, timeout_seconds=rate).retry_for(["Busy"], backoff_rate=rate)
    pay.catch(["Declined"], Fail("declined"))
    return construct_state_machine("shop", pay)


async def test_tests_of_a_machines_states_count_for_it(client: Client) -> None:
    machine = shop()
    other = construct_state_machine("other", Task("pay", WORK).catch(["Declined"], Fail("declined")))
    with coverage() as measured:
        await client.register(machine, other)
        await client.test_state(machine, name="pay", mock_error=TaskFailed("Busy"))
        await client.test_state(machine, name="pay", mock_error=TaskFailed("Declined"))
        await client.test_state(machine, name="pay", mock_result={})
    unlike, found = measured.machines
    assert not unlike.executed
    assert found.missing_said() == ["start → pay", "state declined"]
    assert found.counts["/States/pay"] == 3


async def test_a_state_that_is_tested_by_itself_counts_wherever_it_stands(client: Client) -> None:
    wait = Wait("rest", 0)
    outer = construct_state_machine("outer", Parallel("both").add(wait))
    with coverage() as measured:
        await client.register(outer, construct_state_machine("other", Wait("rest", 1)))
        await client.test_state(wait)
    other, found = measured.machines
    assert not other.executed
    assert [each.pointer for each in found.elements if found.count(each)] == [
        "/States/both/Branches/0/States/rest",
        "/States/both/Branches/0/States/rest/End",
    ]


async def test_a_test_of_a_machine_that_nobody_registered_is_not_told(client: Client) -> None:
    with coverage() as measured:
        await client.test_state(shop(), name="declined")
    assert (measured.machines, measured.percent) == ([], 0)


# Merging


async def test_definitions_of_one_name_with_the_same_elements_are_one_machine() -> None:
    with coverage() as measured:
        for rate, region in ((1, "eu-west-1"), (3, "us-east-1")):
            async with asfini.local.connect(region=region) as client:
                await client.register(shop(rate=rate))
                client.mock(WORK, side_effect=TaskFailed("Declined") if rate == 1 else [1])
                execution = await client.start_execution("shop")
                await execution.wait(raise_on_failure=False)
    assert missing(measured) == ["pay retries Busy ×3"]


async def test_definitions_of_one_name_with_other_elements_are_kept_apart(client: Client) -> None:
    with coverage() as measured:
        for target in ("a", "b"):
            machine = construct_state_machine("m", chain(Pass("p"), Pass(target)))
            await client.register(machine, allow_update=True)
        await client.execute("m")
    assert [(machine.name, machine.percent) for machine in measured.machines] == [("m", 0), ("m (2)", 100)]


def tried(error: str = "A", **more: Any) -> State:
    return Task("t", WORK).retry_for([error], **more).catch(["States.ALL"], Pass("p"))


def chosen(number: int = 1, **more: Any) -> State:
    return Choice("c").add(NumericGreaterThan("$", number, **more), Succeed("s"))


@pytest.mark.parametrize(
    ("one", "other", "many"),
    [
        (chosen(1), chosen(2), 2),
        (chosen(), chosen(comment="why", assign={"a": 1}), 1),
        (tried("A"), tried("B"), 2),
        (tried(), tried(max_attempts=9), 1),
        (Pass("p"), Wait("p", 0), 2),
        (Pass("p", result=1), Pass("p", result=2), 1),
        (chain(Pass("p"), Pass("q")), chain(Pass("p"), Pass("r")), 2),
    ],
)
async def test_elements_are_others_where_they_lead_elsewhere_or_are_taken_at_other_times(
    client: Client, one: State, other: State, many: int
) -> None:
    with coverage() as measured:
        for start in (one, other):
            await client.register(construct_state_machine("m", start), allow_update=True)
    assert [machine.name for machine in measured.machines] == ["m", "m (2)"][:many]


async def test_a_definition_counts_whether_it_was_executed_or_not(client: Client) -> None:
    first, second = (construct_state_machine("m", Pass(name)) for name in ("p", "q"))
    with coverage() as measured:
        for machine in (first, second, first):
            await client.register(machine, allow_update=True)
            if machine is first:
                await client.execute(machine)
    found = {machine.definition.start_at: machine.counts for machine in measured.machines}
    assert found == {"p": {"/StartAt": 2, "/States/p": 2, "/States/p/End": 2}, "q": {}}


async def test_machines_can_be_chosen_by_name(client: Client) -> None:
    with coverage("order-?", "shop") as measured:
        for name in ("order-1", "order-22", "shop", "Shop"):
            await run(client, Pass("p"), name=name)
    assert [machine.name for machine in measured.machines] == ["order-1", "shop"]


async def test_what_happens_outside_of_the_block_does_not_count(client: Client) -> None:
    machine = construct_state_machine("machine", Pass("p"))
    await client.register(machine, construct_state_machine("other", Pass("p")))
    await client.execute(machine)
    with coverage() as outer:
        await client.execute(machine)
        with coverage() as inner:
            await client.execute(machine)
            assert counts(inner)["/States/p"] == 1
        await client.execute(machine)
    await client.execute(machine)
    assert (counts(outer)["/States/p"], counts(inner)["/States/p"]) == (3, 1)


async def test_blocks_that_overlap_measure_each_what_happens_in_it(client: Client) -> None:
    first, second = coverage(), coverage()
    with ExitStack() as stack:
        stack.enter_context(first)
        await run(client, Pass("p"))
        with second:
            await run(client, Pass("p"))
            stack.close()
            await run(client, Pass("p"))
    assert (counts(first)["/States/p"], counts(second)["/States/p"]) == (2, 2)


async def test_nothing_is_kept_when_nobody_measures_any_more(client: Client) -> None:
    with coverage():
        await run(client, Pass("p"))
        assert notes()
    await run(client, Pass("p"))
    assert not notes()


async def test_a_coverage_can_be_entered_again_and_adds_up(client: Client) -> None:
    measured = coverage()
    for _ in range(2):
        with measured:
            await run(client, Pass("p"))
    assert counts(measured)["/States/p"] == 2
    with measured, pytest.raises(InvalidArgument, match="nest another one"):
        measured.__enter__()


async def test_what_another_process_tells_is_added(client: Client) -> None:
    with coverage() as there:
        await run(client, shop().definition.states["pay"], name="shop")
    with coverage() as here:
        await run(client, shop().definition.states["pay"], name="shop")
    here.add(json.loads(json.dumps(there.tell())))
    assert counts(here)["/StartAt"] == 2


@pytest.mark.parametrize("virtual", [False, True])
async def test_an_endpoint_in_this_process_is_measured(virtual: bool) -> None:
    machine = construct_state_machine("machine", Pass("p"))
    with coverage() as measured:
        async with asfini.local.serve(machine, port=0, virtual_time=virtual) as endpoint:
            await endpoint.client.execute(machine)
    assert missing(measured) == []


@pytest.mark.parametrize("start", [3, 40])
async def test_states_are_counted_as_histories_tell_them(client: Client, start: int) -> None:
    down, again = Pass("down", parameters={"n.$": "States.MathAdd($.n, -1)"}), Choice("again")
    again.add(NumericGreaterThan("$.n", 0), down).set_default(Succeed("done"))
    down >> again
    machine = construct_state_machine("machine", again)
    with coverage() as measured:
        await client.register(machine)
        execution = await client.start_execution(machine, {"n": start})
        await execution.wait()
    told = Counter([event.name async for event in execution.history() if isinstance(event, StateEntered)])
    found = counts(measured)
    assert {name: found[f"/States/{name}"] for name in told} == told
    assert (found["/States/again/Choices/0"], found["/States/again/Default"]) == (start, 1)


# Reports


async def test_json_tells_each_element_of_each_machine(client: Client) -> None:
    with coverage() as measured:
        await run(client, chain(Pass("p"), Succeed("s")), name="whole")
        await client.register(construct_state_machine("idle", Pass("p")))
    told = json.loads(json.dumps(measured.to_dict()))
    idle, whole = told["machines"]
    assert told["percent"] == pytest.approx(400 / 7)
    assert whole["states"] == {"taken": 2, "total": 2}
    assert whole["elements"] == {"/StartAt": 1, "/States/p": 1, "/States/p/Next": 1, "/States/s": 1}
    assert (idle["percent"], idle["missing"]) == (0, ["start → p", "state p"])
    assert Definition.from_dict(whole["definition"]).start_at == "p"


async def test_the_table_tells_what_is_missing(client: Client) -> None:
    with coverage() as measured:
        await run(client, Choice("c").add(NumericGreaterThan("$", 1), Succeed("s")), 1)
    lines = measured.to_text().splitlines()
    assert lines[0].split() == "machine states transitions choice rules retries catches taken".split()
    assert lines[2].split() == ["machine", "1/2", "1/1", "0/1", "-", "-", "50", "%"]
    assert lines[3].strip() == "not taken: c → s if $ > 1"
    assert lines[-1].split()[0] == "all"


async def test_names_neither_rule_the_terminal_nor_hinder_files(client: Client, tmp_path: Path) -> None:
    name = "a\nb\x1b[31m\ud800\u202e"
    with coverage() as measured:
        await client.register(construct_state_machine("machine", Pass(name)))
    assert missing(measured) == [
        "start → a\ufffdb\ufffd[31m\ufffd\ufffd",
        "state a\ufffdb\ufffd[31m\ufffd\ufffd",
    ]
    measured.write_html(tmp_path)
    measured.write_json(tmp_path / "cov.json")
    (told,) = json.loads((tmp_path / "cov.json").read_text(encoding="utf-8"))["machines"]
    assert told["elements"].keys() == {"/StartAt", f"/States/{name}", f"/States/{name}/End"}


@pytest.mark.parametrize(
    ("percent", "said"), [(100, "100 %"), (99.999, "99.9 %"), (66.666, "66.6 %"), (50, "50 %")]
)
def test_only_what_is_whole_is_said_to_be_100_percent(percent: float, said: str) -> None:
    assert percent_said(percent) == said
