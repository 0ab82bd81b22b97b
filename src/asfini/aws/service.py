"""Step Functions as AWS answers it."""

import math
import random
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import anyio
from anyio import CancelScope

from asfini import _checks
from asfini._arns import Account
from asfini._budget import USUAL_SHARE
from asfini._reports import REJECTIONS
from asfini.aws.session import AWSSession
from asfini.clock import hold, run_in_thread
from asfini.errors import ConnectionFailed, InvalidArgument, ServiceClosed
from asfini.service import Service

if TYPE_CHECKING:
    from asfini.aws._clients import Clients
    from asfini.aws._heartbeats import Beside
    from asfini.aws._thin import Route, ThinPath, Unusual

MAX_POLLS = 10_000
"""AWS allows 1,000 for each activity."""


class AwsService(Service):
    """Step Functions at AWS. Enter it with `async with`; connections are made when they are first needed.

    The settings in the session's `config` come before asfini's own, but calls that wait keep their time-outs,
    their number of connections and their single try.

    Args:
        session: who calls, and where to.
        max_polls: how many polls may be open at once over all activities, 10,000 by default; more wait for
            their turn, and one activity's may then hold up another's. As many calls that wait for an EXPRESS
            execution or for the test of a state may be open besides. Each is a socket: mind the system's
            limit of open files.
        max_attempts: how often a call is tried, at most, when the answer is throttling or there is none, with
            botocore's growing, random delays between. By default as configured (`AWS_MAX_ATTEMPTS`) or else
            3 times. Polls, and calls that would run something twice, are tried once.
        thin: whether the calls that workers and waiting programs make all the time (`get_activity_task`,
            `send_task_…`, `describe_execution`, `start_execution`) skip what botocore does anew for each
            request: a sixth of the processor time. What botocore's event handlers would change is left as
            it was for the first call of each kind.
        quota_share: the part of AWS's quotas that all who wait for executions may use together; the rest is
            for other programs in the account. More than 1 is for quotas that were raised, and infinite means
            no limit until calls are throttled. By default 0.8, and no limit where the endpoint is not AWS's.
    """

    def __init__(
        self,
        session: AWSSession | None = None,
        *,
        max_polls: int = MAX_POLLS,
        max_attempts: int | None = None,
        thin: bool = True,
        quota_share: float | None = None,
    ) -> None:
        _checks.flags(thin=thin)
        _checks.share(quota_share=quota_share)
        self.session = session or AWSSession()
        self._settings = (max_polls, max_attempts, thin)
        self._quota_share = quota_share
        self._clients: Clients | None = None
        self._open: set[CancelScope] = set()
        self._left = anyio.Event()

    async def __aenter__(self) -> Self:
        await run_in_thread(_import_libraries)
        from asfini.aws._clients import Clients, load_data

        _ = self.session.region  # a wrong configuration shows here
        clients = Clients(self.session, *self._settings)
        await run_in_thread(load_data, None, self.session)
        url = self.session.endpoint_url
        self.quota_share = USUAL_SHARE if url is None or self.session.is_aws(url) else math.inf
        if self._quota_share is not None:
            self.quota_share = self._quota_share
        self._clients = clients
        return self

    async def __aexit__(self, *_: object) -> None:
        clients, self._clients = self._clients, None
        with hold(), CancelScope(shield=True):
            await self._end_calls()
            if clients is not None:
                await clients.aclose()

    async def _end_calls(self) -> None:
        if self._open:
            self._left = anyio.Event()
            for scope in self._open:
                scope.cancel()
            await self._left.wait()

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Ask AWS. Virtual time runs in real time meanwhile.

        Raises:
            ServiceError: AWS refused.
            ConnectionFailed: there was no answer, or none that makes sense.
            InvalidArgument: there is no such operation, or a parameter is missing, unknown or of the wrong
                type.
            ServiceClosed: the service is not open.
        """
        if self._clients is None:
            raise ServiceClosed(f"cannot call {operation!r}: the connection is closed")
        with hold(), CancelScope() as scope:
            self._open.add(scope)
            try:
                return await _ask(self._clients, operation, parameters)
            finally:
                self._open.remove(scope)
                if not self._open:
                    self._left.set()
        raise ConnectionFailed("the connection was closed before an answer came", operation=operation)

    def beside(self) -> "Beside | None":
        """Heartbeats for the loop of another thread, over connections of its own.

        `None` where the thin path is switched off: then they go the way of all calls.
        """
        if self._clients is None or not self._settings[-1]:
            return None
        from asfini.aws._heartbeats import Beside

        return Beside(self)

    async def heartbeat_route(self) -> "Route | None":
        """How heartbeats may be sent elsewhere; `None` where something is unusual, such as a proxy."""
        from asfini.aws._errors import translated

        if self._clients is None:
            return None
        with hold(), translated("send_task_heartbeat"):
            return await self._clients.route("send_task_heartbeat")

    async def account(self) -> Account:
        """Where calls go: the account that the credentials belong to.

        Raises:
            ServiceError: the account cannot be found out.
        """
        return await self.session.account()


async def _ask(clients: "Clients", operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    path = clients.thin_path(operation)
    if path is None:
        return await _ask_botocore(await clients.get(operation), operation, parameters)
    from asfini.aws._thin import Unusual

    try:
        return await _ask_thinly(path, clients, operation, parameters)
    except Unusual as unusual:
        return await _ask_again(clients, operation, parameters, unusual)


async def _ask_again(
    clients: "Clients", operation: str, parameters: dict[str, Any], before: "Unusual"
) -> dict[str, Any]:
    """Have botocore make a call that was not made on the thin path, or came to nothing there."""
    try:
        client = await clients.get(operation, again=before.tried)
        return await _ask_botocore(client, operation, parameters)
    except REJECTIONS as error:
        if before.unanswered:  # so that it may be the first try that closed the task
            message = f"no answer came, and the next try was refused with {error.code}"
            raise ConnectionFailed(message, operation=operation) from error
        raise


async def _ask_thinly(
    path: "ThinPath", clients: "Clients", operation: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Try a call on the thin path.

    Raises:
        Unusual: botocore is to make it, or to try it again.
        ServiceError: it failed for good.
    """
    from asfini.aws._errors import refusal, translated
    from asfini.aws._thin import FAILURES, Refused, Unusual

    again = clients.can_try_again(operation)
    with translated(operation, path.endpoint):
        try:
            return await path.call(operation, parameters)
        except Refused as refused:
            if not (again and refused.worth_a_try):
                raise refusal(refused.response, operation, path.endpoint) from None
            await anyio.sleep(random.random())  # noqa: S311 - as botocore does before a second try
        except FAILURES:
            if not again:
                raise
            raise Unusual(tried=True, unanswered=True) from None
    raise Unusual(tried=True)


async def _ask_botocore(client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    from asfini.aws._errors import translated

    if operation not in client.meta.method_to_api_mapping:
        raise InvalidArgument(f"cannot call {operation!r}: Step Functions has no such operation")
    with translated(operation, client.meta.endpoint_url):
        answer: dict[str, Any] = await getattr(client, operation)(**parameters)
    answer.pop("ResponseMetadata", None)
    return answer


def _import_libraries() -> None:
    """Import what takes a quarter of a second."""
    import_module("aiobotocore.session")
    import_module("asfini.aws._clients")
