"""The pytest plugin: a client of Step Functions in the test's own process, in virtual time.

pytest imports this module in every run where asfini is installed, so it imports nothing before a test asks.
"""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asfini.client import Client

_Scope = Literal["function", "class", "module", "package", "session"]


@pytest.fixture
def local_client_options() -> dict[str, Any]:
    """Keyword arguments for `asfini.local.connect`: override it to give `handlers` or a `seed`."""
    return {}


@pytest.fixture
def local_client(request: pytest.FixtureRequest) -> "Client":
    """A client of Step Functions in this process, in virtual time, both for the length of the test.

    It lives in the loop that the test runs in, pytest-asyncio's or anyio's.
    """
    client: Client = request.getfixturevalue(_opened_by(request))
    return client


def _opened_by(request: pytest.FixtureRequest) -> str:
    """The name of the fixture that opens a client in the loop that the test will run in."""
    marker = request.node.get_closest_marker("asyncio")
    if "anyio_backend" not in request.fixturenames:
        if not request.config.pluginmanager.hasplugin("asyncio"):
            _fail("local_client is for tests that pytest-asyncio or pytest.mark.anyio runs")
        scope = marker and marker.kwargs.get("loop_scope")
        return f"_local_client_of_{scope or request.config.getini('asyncio_default_test_loop_scope')}"
    if marker is not None:  # The one would run the fixture and the other the test.
        _fail('pytest-asyncio and anyio both claim this test: set asyncio_mode to "strict"')
    if request.getfixturevalue("anyio_backend_name") != "asyncio":
        _fail('local_client needs asyncio: let the fixture anyio_backend return "asyncio"')
    return "_local_client_of_anyio"


def _fail(reason: str) -> NoReturn:
    pytest.fail(reason, pytrace=False)


@asynccontextmanager
async def _open(options: dict[str, Any]) -> "AsyncIterator[Client]":
    from asfini.clock import virtual_time
    from asfini.local import connect

    with virtual_time():
        async with connect(**options) as client:
            yield client


@pytest.fixture
async def _local_client_of_anyio(
    anyio_backend: Any, local_client_options: dict[str, Any]
) -> "AsyncIterator[Client]":
    async with _open(local_client_options) as client:
        yield client


def pytest_configure(config: pytest.Config) -> None:
    """Add what only pytest-asyncio understands, where it is there."""
    if config.pluginmanager.hasplugin("asyncio"):
        config.pluginmanager.register(_fixtures_of_pytest_asyncio(), "asfini-asyncio")


def _fixtures_of_pytest_asyncio() -> type:
    """A fixture for each scope that a loop can have: pytest-asyncio wants to know it beforehand."""
    import pytest_asyncio

    def opened_in(scope: _Scope) -> Any:
        async def client(local_client_options: dict[str, Any]) -> "AsyncIterator[Client]":
            async with _open(local_client_options) as client:
                yield client

        return pytest_asyncio.fixture(client, loop_scope=scope)

    fixtures = {f"_local_client_of_{scope}": opened_in(scope) for scope in get_args(_Scope)}
    return type("FixturesOfPytestAsyncio", (), fixtures)
