"""The pytest plugin: a client of Step Functions in the test's own process, in virtual time.

pytest imports this module in every run where asfini is installed, so it imports nothing before a test asks.
"""

import logging
from contextlib import asynccontextmanager, nullcontext
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
    teller = _Teller(request.config, request.node.nodeid)
    logger = logging.getLogger("asfini.clock")
    logger.addHandler(teller)
    request.addfinalizer(lambda: logger.removeHandler(teller))  # noqa: PT021 - so it stays no generator
    return client


class _Teller(logging.Handler):
    """Shows on the terminal, while a test hangs, that nothing will ever happen."""

    def __init__(self, config: pytest.Config, test: str) -> None:
        super().__init__(logging.WARNING)
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")
        self._terminal: Any = config.pluginmanager.getplugin("terminalreporter")  # xdist's workers have none
        self._test = test

    def emit(self, record: logging.LogRecord) -> None:
        """Write past what captures output, which is shown only after the test."""
        if self._terminal is not None:
            with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
                self._terminal.write_line(f"\n{self._test}: {record.getMessage()}", yellow=True)


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the coverage of state machines, each of which a configuration file may give, too."""
    group = parser.getgroup("asfini", "asfini: coverage of state machines")
    group.addoption(
        "--asfini-cov",
        action="append",
        nargs="?",
        const="*",
        metavar="MACHINES",
        help="measure what tests take of state machines; of some by name, such as 'shop,order-*'",
    )
    group.addoption(
        "--asfini-cov-report",
        action="append",
        metavar="REPORT",
        help="term (by default), html:DIR or json:FILE; may be given several times",
    )
    group.addoption(
        "--asfini-cov-fail-under",
        type=float,
        metavar="PERCENT",
        help="fail where a smaller share of the machines was taken",
    )
    parser.addini("asfini_cov", "the state machines of which coverage is measured; * is all", "args", [])
    parser.addini("asfini_cov_report", "reports of it: term, html:DIR, json:FILE", "linelist", [])
    parser.addini("asfini_cov_fail_under", "the smallest share of the machines that may be taken")


def pytest_configure(config: pytest.Config) -> None:
    """Add what only pytest-asyncio understands, where it is there, and coverage, where it is asked for."""
    if config.pluginmanager.hasplugin("asyncio"):
        config.pluginmanager.register(_fixtures_of_pytest_asyncio(), "asfini-asyncio")
    if machines := _option(config, "asfini_cov"):
        from asfini.testing._pytest_coverage import CoveragePlugin, Settings

        reports, least = _option(config, "asfini_cov_report"), _option(config, "asfini_cov_fail_under")
        plugin = CoveragePlugin(config, Settings.read(machines, reports, least))
        config.pluginmanager.register(plugin, "asfini-coverage")
    else:
        for option in ("--asfini-cov-report", "--asfini-cov-fail-under"):
            if config.getoption(option) is not None:
                raise pytest.UsageError(f"{option} needs --asfini-cov")


def _option(config: pytest.Config, name: str) -> Any:
    """What an option was given on the command line, or else by a configuration file."""
    given = config.getoption(name)
    return config.getini(name) if given is None else given


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
