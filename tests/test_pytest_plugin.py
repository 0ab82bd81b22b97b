"""The pytest plugin, in runs of pytest of their own: under each way to run asynchronous tests, and none."""

import importlib.util

import pytest

pytest_plugins = ["pytester"]

SHOP = """
import asyncio
import pytest
from asfini import ActivityRegistration, Lambda, Task, Wait, Worker, construct_state_machine

activities = ActivityRegistration(prefix="shop-")

@activities.activity()
async def pack(order):
    await asyncio.sleep(1800)
    return f"{order} packed"

cool_off = Wait("cool off", seconds=1800)
cool_off >> Task("pack", pack)
shop = construct_state_machine("shop", cool_off)
tax = construct_state_machine("tax", Task("tax", Lambda("tax")))
"""

TESTS = """
{fixture}
async def worker(local_client):
    await local_client.register(activities)
    async with Worker(local_client, activities) as worker:
        yield worker

{mark}
async def test_an_hour_passes_at_once(local_client, worker):
    await local_client.register(shop)
    execution = await local_client.start_execution(shop, "tea")
    assert await execution.wait() == "tea packed"
    events = [event async for event in execution.history()]
    assert (events[-1].timestamp - events[0].timestamp).total_seconds() == pytest.approx(3600)

{mark}
async def test_each_test_has_a_service_of_its_own(local_client):
    assert not [entry async for entry in local_client.list_state_machines()]
    await local_client.register(shop)
    await local_client.start_execution(shop)

class TestTaxes:
    @pytest.fixture
    def local_client_options(self):
        return {{"handlers": {{Lambda("tax"): lambda pence: pence // 5}}, "region": "eu-west-1"}}

    {mark}
    async def test_options_are_given_by_a_fixture(self, local_client):
        await local_client.register(tax)
        assert await local_client.execute(tax, 500) == 100
        assert (await local_client.account()).region == "eu-west-1"
"""

RUNNERS = {
    "asyncio_mode=strict": ("import pytest_asyncio\n@pytest_asyncio.fixture", "@pytest.mark.asyncio"),
    "asyncio_mode=auto": ("@pytest.fixture", ""),
    "anyio_mode=strict": ("@pytest.fixture", "@pytest.mark.anyio"),
    "anyio_mode=auto": ("@pytest.fixture", ""),
}


BACKEND = """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def run(pytester: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    """Run tests in a process of their own, in which a warning is an error."""
    pytester.makeconftest(BACKEND)
    pytester.makepyfile(tests)
    if "no:asyncio" not in arguments:
        arguments = ("-o", "asyncio_default_fixture_loop_scope=function", *arguments)
    return pytester.runpytest_subprocess("-Werror", "-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize("mode", RUNNERS)
def test_a_client_and_a_users_own_worker_fixture_work(pytester: pytest.Pytester, mode: str) -> None:
    fixture, mark = RUNNERS[mode]
    run(pytester, SHOP + TESTS.format(fixture=fixture, mark=mark), "-o", mode).assert_outcomes(passed=3)


def test_tests_of_both_plugins_live_side_by_side(pytester: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.mark.asyncio
        async def test_by_pytest_asyncio(local_client):
            assert not [entry async for entry in local_client.list_activities()]

        @pytest.mark.anyio
        async def test_by_anyio(local_client):
            assert not [entry async for entry in local_client.list_activities()]
    """
    run(pytester, tests).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("mark", "option"),
    [
        ("@pytest.mark.asyncio(loop_scope='module')", "asyncio_default_test_loop_scope=function"),
        ("@pytest.mark.asyncio", "asyncio_default_test_loop_scope=session"),
    ],
)
def test_the_client_lives_in_the_loop_of_its_test(pytester: pytest.Pytester, mark: str, option: str) -> None:
    tests = f"""
        import asyncio
        import pytest

        {mark}
        @pytest.mark.parametrize("time", range(3))
        async def test_its_loop_has_virtual_time(local_client, time):
            start = asyncio.get_running_loop().time()
            await asyncio.sleep(3600)
            assert asyncio.get_running_loop().time() == start + 3600
    """
    run(pytester, tests, "-o", option).assert_outcomes(passed=3)


def test_a_failure_in_a_test_is_told_as_itself(pytester: pytest.Pytester) -> None:
    tests = """
        import pytest
        from asfini.errors import StateMachineDoesNotExist

        @pytest.mark.asyncio
        async def test_fails(local_client):
            await local_client.execute("nothing")
    """
    result = run(pytester, tests)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*StateMachineDoesNotExist*nothing*"])


def test_another_backend_of_anyio_is_refused_with_the_remedy(pytester: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "trio"

        @pytest.mark.anyio
        async def test_on_trio(local_client):
            pass
    """
    result = run(pytester, tests)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ['local_client needs asyncio: let the fixture anyio_backend return "asyncio"']
    )


def test_a_test_that_both_plugins_claim_is_refused_with_the_remedy(pytester: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.mark.anyio
        async def test_of_both(local_client):
            pass
    """
    result = run(pytester, tests, "-o", "asyncio_mode=auto")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["pytest-asyncio and anyio both claim this test: set asyncio_mode to*strict*"]
    )


def test_without_pytest_asyncio_anyio_does(pytester: pytest.Pytester) -> None:
    tests = """
        import sys
        import pytest

        @pytest.mark.anyio
        async def test_by_anyio(local_client):
            assert not [entry async for entry in local_client.list_activities()]

        def test_by_nobody(local_client):
            pass

        def test_pytest_asyncio_is_not_imported():
            assert "pytest_asyncio" not in sys.modules
    """
    result = run(pytester, tests, "-p", "no:asyncio")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["local_client is for tests that pytest-asyncio or pytest.mark.anyio runs"])


@pytest.mark.parametrize("arguments", [(), ("-p", "no:asyncio", "-p", "no:anyio")])
def test_a_run_that_does_not_use_it_notices_nothing(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    tests = """
        import asyncio
        import gc
        import sys

        def test_only_the_plugin_is_imported(recwarn):
            imported = {name for name in sys.modules if name.split(".")[0] == "asfini"}
            assert imported == {"asfini", "asfini._lazy", "asfini.pytest_plugin"}
            assert not {"pydantic", "botocore", "aiohttp"} & sys.modules.keys()
            assert not [each for each in gc.get_objects() if isinstance(each, asyncio.AbstractEventLoop)]
            assert not recwarn.list
    """
    result = run(pytester, tests, *arguments)
    result.assert_outcomes(passed=1)
    result.stderr.no_fnmatch_line("*arning*")


HANGING = """
import asyncio
import logging

import asfini.clock


async def test_nobody_works(local_client, monkeypatch):
    monkeypatch.setattr(asfini.clock, "SILENCE", 0.0)
    told = asyncio.Event()

    class Rescue(logging.Handler):
        def emit(self, record):
            loop.call_soon_threadsafe(told.set)

    loop = asyncio.get_running_loop()
    logging.getLogger("asfini.clock").addHandler(Rescue())
    await told.wait()
    print("the end")
"""


def test_that_a_test_hangs_is_shown_while_it_does(pytester: pytest.Pytester) -> None:
    result = run(pytester, HANGING, "-o", "asyncio_mode=auto")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*::test_nobody_works: everything waits in virtual time, and no timer *"])
    result.stdout.no_fnmatch_line("*the end*")


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_it_works_in_several_processes(pytester: pytest.Pytester) -> None:
    tests = SHOP + TESTS.format(fixture="@pytest.fixture", mark="")
    run(pytester, tests, "-o", "asyncio_mode=auto", "-n", "2").assert_outcomes(passed=3)
