"""The operations on definitions that need not be registered: checking one, and testing a state of one."""

from typing import Any

from asfini._arns import Account
from asfini.asl.validation import Problem, problems
from asfini.local.dates import Dates
from asfini.local.state_requests import Given, read_request
from asfini.local.work import Workshop

MAX_DIAGNOSTICS = 100
"""The most problems that are told: the API reference, "ValidateStateMachineDefinition"."""


class Definitions:
    """Definitions.

    Args:
        account: the account that is played.
        dates: tells the time.
        workshop: has tasks done.
    """

    def __init__(self, account: Account, dates: Dates, workshop: Workshop) -> None:
        self._account = account
        self._dates = dates
        self._workshop = workshop

    async def validate_state_machine_definition(
        self, definition: str, type: str = "STANDARD", severity: str = "ERROR", maxResults: int = 0
    ) -> dict[str, Any]:
        """Say what is wrong with a definition."""
        found = problems(
            definition,
            machine_type="EXPRESS" if type == "EXPRESS" else "STANDARD",
            warnings=severity == "WARNING",
            template=False,
        )
        most = maxResults or MAX_DIAGNOSTICS
        return {
            "result": "FAIL" if any(problem.severity == "ERROR" for problem in found) else "OK",
            "diagnostics": [_diagnostic(problem) for problem in found[:most]],
            "truncated": len(found) > most,
        }

    async def test_state(
        self,
        definition: str,
        roleArn: str | None = None,
        input: str = "{}",
        inspectionLevel: str = "INFO",
        revealSecrets: bool = False,
        variables: str | None = None,
        stateName: str | None = None,
        mock: dict[str, Any] | None = None,
        context: str | None = None,
        stateConfiguration: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Do one state by itself."""
        from asfini.local.state_test import StateTest

        given = Given(
            definition,
            input,
            stateName,
            roleArn,
            variables,
            mock,
            context,
            stateConfiguration or {},
            inspectionLevel,
            revealSecrets,
        )
        request = await read_request(given, self._account)
        return await StateTest(request, self._account, self._dates, self._workshop).run()


def _diagnostic(problem: Problem) -> dict[str, str]:
    told = {"severity": problem.severity, "code": problem.code, "message": problem.message}
    return told | ({"location": problem.location} if problem.location else {})
