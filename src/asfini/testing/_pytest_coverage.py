"""The coverage of state machines in a run of pytest: measured by each process, reported by the first one."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from asfini.testing.measuring import Coverage
from asfini.view.covering import percent_said

_FIELD = "asfini_coverage"
"""Under which name a worker of pytest-xdist sends what it noted."""


@dataclass(frozen=True)
class Settings:
    """What is wanted."""

    names: tuple[str, ...]
    """Patterns of machines' names."""
    table: bool
    """Whether a table is shown in the terminal."""
    files: tuple[tuple[str, str], ...]
    """Reports in files: `html` or `json`, and the path."""
    least: float | None
    """The smallest percentage that is good enough."""

    @classmethod
    def read(cls, machines: Sequence[str], reports: Sequence[str], least: float | str | None) -> "Settings":
        """Read what options or a configuration file give.

        Args:
            machines: patterns of names, several with commas between them.
            reports: `term`, `html:DIR`, `json:FILE`; without any, `term`.
            least: a percentage; nothing where it is empty.

        Raises:
            UsageError: something makes no sense.
        """
        names = tuple(name for each in machines for name in each.split(",") if name)
        for name in names:
            if "/" in name or ":" in name:  # most likely a path of tests, which stands where a name may
                raise pytest.UsageError(
                    f"--asfini-cov takes names of state machines, not {name!r}: put paths before it, or "
                    "write --asfini-cov=*"
                )
        files = tuple(_file(report) for report in reports if report != "term")
        table = not reports or "term" in reports
        return cls(names, table, files, None if least in (None, "") else _percentage(least))


def _file(report: str) -> tuple[str, str]:
    form, _, path = report.partition(":")
    if form not in ("html", "json") or not path:
        raise pytest.UsageError(f"--asfini-cov-report is term, html:DIR or json:FILE, not {report!r}")
    return form, path


def _percentage(given: Any) -> float:
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 100:
        raise pytest.UsageError(f"--asfini-cov-fail-under is a percentage from 0 to 100, not {given!r}")
    return number


class CoveragePlugin:
    """Measures while tests run, and reports at their end; the workers of pytest-xdist send what they noted.

    Args:
        config: the run's configuration.
        settings: what is wanted.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self.settings = settings
        self._awaited: dict[str, None] = {}
        """The workers that are still to send what they noted."""
        self._written: list[str] = []
        """The reports in files, as they were asked for."""
        self._complaints: list[str] = []
        """What the run fails of."""
        self._measured = Coverage(*settings.names)
        self._measured.__enter__()

    def pytest_unconfigure(self) -> None:
        """Leave off, even where no test was run."""
        self._measured.__exit__()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Wait for what a worker of pytest-xdist will send."""
        self._awaited[node.gateway.id] = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist sends when it ends, unless it crashed."""
        told = getattr(node, "workeroutput", {}).get(_FIELD)
        if told is not None:
            self._awaited.pop(node.gateway.id, None)
            self._measured.add(json.loads(told))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send what was noted, or write the reports and see whether it is enough."""
        self._measured.__exit__()
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_FIELD] = json.dumps(self._measured.tell())  # execnet takes no halves of characters
        elif not self._config.option.collectonly:
            self._complaints = [*self._write(), *self._too_little()]
            if self._complaints and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self) -> Iterator[str]:
        """Write the reports in files, and give what hinders it."""
        for form, path in self.settings.files:
            place = self._config.invocation_params.dir / path
            try:
                (self._measured.write_html if form == "html" else self._measured.write_json)(place)
            except Exception as error:  # noqa: BLE001 - the tests' results have yet to be told
                yield f"{form} report cannot be written: {error}"
            else:
                self._written.append(f"{form}: {path}")

    def _too_little(self) -> Iterator[str]:
        """What is missing, if it is too much."""
        least, percent = self.settings.least, self._measured.percent
        if least is not None and percent < least:
            yield f"{percent_said(percent)} taken, but {least:g} % wanted"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the table."""
        if self._config.option.collectonly:
            return
        terminalreporter.section("coverage of state machines")
        for line in self._told():
            terminalreporter.write_line(line)
        for complaint in self._complaints:
            terminalreporter.write_line(f"FAILED: {complaint}", red=True, bold=True)

    def _told(self) -> Iterator[str]:
        machines = self._measured.machines
        if not machines:
            yield from self._nothing_told()
        elif self.settings.table:
            yield from self._measured.to_text().splitlines()
        else:
            many = "1 machine" if len(machines) == 1 else f"{len(machines)} machines"
            yield f"{percent_said(self._measured.percent)} of {many}"
        yield from self._written
        for worker in self._awaited:
            yield f"what the worker {worker} measured is missing, for it did not come to its end"

    def _nothing_told(self) -> Iterator[str]:
        names = self.settings.names
        named = "" if "*" in names else f" whose name is {' or '.join(names)}"
        yield f"no state machine was registered{named}"
        yield from (
            f"if {name} is where tests are, put it before --asfini-cov"
            for name in names
            if (self._config.invocation_params.dir / name).exists()
        )
