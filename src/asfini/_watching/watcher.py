"""Who looks at executions: the calls, their budgets, and what several want to know at once."""

import copy
import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio

from asfini import _lazy
from asfini._arns import Arn
from asfini._budget import GROWTH, LONGEST_PAUSE, Budget, jittered
from asfini._quotas import aws_quotas
from asfini._watching.machine import REST, Machine
from asfini._watching.watch import LONGEST_GAP, Watch
from asfini.errors import ConnectionFailed, ServiceError, Throttled
from asfini.service import Service, ServiceWrapper

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = _lazy.module("asyncio")

WORTH = 0.5
"""Seconds by which an execution's last event is had sooner than a description, to be asked for."""
MOST_MACHINES = 1000
"""How many machines are remembered that nobody waits for."""

ENDS = {
    f"Execution{word}": (f"execution{word}EventDetails", status)
    for word, status in {
        "Succeeded": "SUCCEEDED",
        "Failed": "FAILED",
        "TimedOut": "TIMED_OUT",
        "Aborted": "ABORTED",
    }.items()
}
"""Where events tell of an end, and of which, by their types."""
_logger = logging.getLogger(__name__)


class Watcher:
    """Looks at executions for all who wait at a service. It works only while somebody waits.

    Args:
        service: what is asked.
        region: where it is, for the quotas.
    """

    def __init__(self, service: Service, region: str) -> None:
        self.service = service
        self.loop = asyncio.get_running_loop()
        self._region = region
        self._budgets = _shared_budgets(service, self.loop)
        self._machines: dict[str, Machine] = {}
        self._looks: dict[str, asyncio.Future[Any]] = {}
        self._told_at = self._events_from = -math.inf

    def budget(self, operation: str) -> Budget:
        """The budget of an operation."""
        if operation not in self._budgets:
            quota = aws_quotas(self._region).get(operation)
            self._budgets[operation] = Budget(quota, self.service.quota_share)
        return self._budgets[operation]

    def watch(
        self, arn: str, *, started_at: float | None = None, on_look: Callable[[], None] | None = None
    ) -> Watch:
        """Begin to wait for an execution's end: a block.

        Args:
            arn: the execution.
            started_at: when it was started, by the loop's clock, if that is known.
            on_look: called when a look at it, or a page, has told whether it runs.
        """
        return Watch(self, self._machine(arn), arn, started_at, on_look)

    def _machine(self, arn: str) -> Machine:
        parts = Arn.parse(arn)
        of = str(Arn(parts.account, "stateMachine", parts.parts[:1]))
        if of not in self._machines:
            self._forget_machines()
            # Children of a distributed map are listed by their map run, and EXPRESS executions not at all.
            self._machines[of] = Machine(self, of, listed=parts.kind == "execution" and "/" not in of)
        return self._machines[of]

    def _forget_machines(self) -> None:
        if len(self._machines) >= MOST_MACHINES:
            self._machines = {of: machine for of, machine in self._machines.items() if machine.watches}

    async def look(self, arn: str, machine: Machine, due: float, *, ended: bool) -> dict[str, Any]:
        """Describe an execution; whoever wants to know the same meanwhile gets the same answer.

        Args:
            arn: the execution.
            machine: its machine.
            due: since when a look is due; a head start makes it earlier.
            ended: whether it has most likely ended, so that its last event tells enough.
        """
        while (look := self._looks.get(arn)) is not None:
            if (told := await asyncio.shield(look)) is not None:
                if isinstance(told, ServiceError):
                    raise copy.copy(told)
                return dict(told)
        look = self._looks[arn] = self.loop.create_future()
        told = None
        try:
            if ended:
                told = await self._last_event(arn, due)
            told = told or await self.call("describe_execution", due, executionArn=arn)
            machine.looked(arn, told)
            return told
        except ServiceError as error:
            told = copy.copy(error)
            raise
        finally:
            del self._looks[arn]
            look.set_result(told)

    async def _last_event(self, arn: str, due: float) -> dict[str, Any] | None:
        """What an execution's last event tells of its end, if that is had sooner than a description.

        AWS grants 20 histories a second, besides the descriptions.
        """
        describing, now = self.budget("describe_execution").wait(), self.loop.time()
        if now < self._events_from or describing <= max(self.budget("get_execution_history").wait(), WORTH):
            return None
        only_last: dict[str, Any] = {"reverseOrder": True, "maxResults": 1}
        try:
            told = await self.call("get_execution_history", due, executionArn=arn, **only_last)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with histories, descriptions may do
            _logger.debug("ends are described, for histories cannot be had: %s", type(error).__name__)
            self._events_from = now + REST
            return None
        return next((end_told(arn, event) for event in told["events"]), None)

    async def call(
        self,
        operation: str,
        due: float | None = None,
        /,
        send: Callable[..., Awaitable[dict[str, Any]]] | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Call an operation within its budget, again and again if the service is too busy or out of reach.

        Args:
            operation: the operation.
            due: since when the call is due by the loop's clock; by default now.
            send: what sends it when its turn has come; by default the service's `call`.
            parameters: its parameters.
        """
        budget, pause = self.budget(operation), LONGEST_GAP
        due = self.loop.time() if due is None else due
        while True:
            await budget.take(due)
            sent = self.loop.time()
            try:
                answer = await (send or self.service.call)(operation, **parameters)
            except Throttled as error:
                budget.throttled(sent)
                _logger.debug("all who wait pause, for %s was refused: %s", operation, error)
                continue
            except ConnectionFailed as error:
                self._tell(parameters, pause, error)
            else:
                budget.let_through()
                return answer
            finally:
                budget.release()
            await anyio.sleep(jittered(pause))
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _tell(self, parameters: dict[str, Any], pause: float, error: ConnectionFailed) -> None:
        """Tell of lost connections, of one in a second: thousands may wait."""
        now = self.loop.time()
        level = logging.WARNING if now - self._told_at >= 1 else logging.DEBUG
        self._told_at = now if level == logging.WARNING else self._told_at
        whom = parameters.get("executionArn") or parameters.get("stateMachineArn")
        _logger.log(level, "%s will be asked for again in about %.0f s: %s", whom, pause, error)


def end_told(arn: str, event: dict[str, Any]) -> dict[str, Any] | None:
    """An execution's description, as far as its last event tells of its end; `None` if it tells of none."""
    key, status = ENDS.get(event["type"], ("", ""))
    details = event.get(key, {})
    if not status or (status == "SUCCEEDED" and "output" not in details):
        return None
    if details.get("outputDetails", {}).get("truncated"):
        return None
    known = {name: details[name] for name in ("output", "error", "cause") if name in details}
    return {"executionArn": arn, "status": status, "stopDate": event["timestamp"], **known}


def watcher_of(service: Service, arn: str) -> Watcher:
    """The watcher of a service in the running loop.

    Args:
        service: what is asked.
        arn: any ARN in its region.
    """
    watcher: Watcher | None = vars(service).get("_watcher")
    if watcher is None or watcher.loop is not asyncio.get_running_loop():
        watcher = vars(service)["_watcher"] = Watcher(service, region=arn.split(":")[3])
    return watcher


def _shared_budgets(service: Service, loop: "asyncio.AbstractEventLoop") -> dict[str, Budget]:
    """The budgets of a service, which all wrappers around it share."""
    while isinstance(service, ServiceWrapper) and service.inner.quota_share == service.quota_share:
        service = service.inner
    budgets: dict[str, Budget]
    kept, budgets = vars(service).get("_budgets", (None, {}))
    if kept is not loop:
        budgets = {}
        vars(service)["_budgets"] = loop, budgets
    return budgets
