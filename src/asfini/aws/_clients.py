"""aiobotocore's clients of Step Functions and their settings. Imported only when something connects."""

import json
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import anyio
from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from asfini.aws._errors import translated
from asfini.aws.session import SERVICE, AWSSession
from asfini.errors import InvalidArgument

STANDARD = AioConfig(retries={"mode": "standard"})

_ONCE = {"mode": "standard", "total_max_attempts": 1}

_KINDS: dict[str, dict[str, Any]] = {
    "calls": {},
    # A poll is held open for 60 seconds. One that fails may have lost a task: a second must not hide that.
    "polls": {"read_timeout": 75, "retries": _ONCE},
    # These run for up to five minutes, and a second try would do the work a second time.
    "runs": {"read_timeout": 330, "retries": _ONCE},
}
"""How calls are made. Each kind has connections of its own: those that wait must not hold up the others."""

_KIND_OF = {"get_activity_task": "polls", "start_sync_execution": "runs", "test_state": "runs"}

_CONNECTIONS = 50
"""For ordinary calls: with botocore's 10, heartbeats queue behind whoever waits for executions."""


class Clients:
    """A session's clients of Step Functions: each is made when it is first needed, all are closed together.

    Args:
        session: who calls, and where to.
        max_polls: how many calls of a kind that waits may be open at once.
        max_attempts: how often an ordinary call is tried, at most.
        config: the user's settings.

    Raises:
        InvalidArgument: the settings make no sense.
    """

    def __init__(self, session: AWSSession, max_polls: int, max_attempts: int | None, config: Any) -> None:
        self._session = session
        self._clients: dict[str, Any] = {}
        self._making = anyio.Lock()
        self._stack = AsyncExitStack()
        with translated():
            ordinary = _ordinary(session, max_attempts, config)
            waiting = ordinary.merge(AioConfig(max_pool_connections=max_polls))
            self._configs = {
                kind: waiting.merge(AioConfig(**special)) if special else ordinary
                for kind, special in _KINDS.items()
            }

    async def get(self, operation: str) -> Any:
        """The client for an operation.

        Raises:
            AccessDenied: the credentials cannot be had.
            InvalidArgument: the configuration makes no sense.
        """
        kind = _KIND_OF.get(operation, "calls")
        if kind not in self._clients:
            async with self._making:
                if kind not in self._clients:
                    self._clients[kind] = await self._make(kind, operation)
        return self._clients[kind]

    async def _make(self, kind: str, operation: str) -> Any:
        with translated(operation, self._session.endpoint_url):
            made = self._session.client(SERVICE, self._configs[kind])
            client = await self._stack.enter_async_context(made)
            client.meta.config.inject_host_prefix = self._is_public(client.meta.endpoint_url)
            client.meta.events.register("after-call", _check_answer)
        return client

    def _is_public(self, endpoint: str) -> bool:
        """Whether an endpoint is one of AWS's public ones.

        Only they have a second host, `sync-states…`, for the operations that wait for a result.
        """
        host = urlsplit(endpoint).hostname or ""
        return host.startswith(("states.", "states-fips.")) and self._session.is_aws(endpoint)

    async def aclose(self) -> None:
        """Close the clients and their connections."""
        self._clients.clear()
        await self._stack.aclose()


def load_data(session: AWSSession) -> None:
    """Read botocore's data files for Step Functions: nine tenths of the time that a first client takes."""
    loader = session.session.get_component("data_loader")
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data_with_path(name)
    for name in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model(SERVICE, name, api_version=None)


def _ordinary(session: AWSSession, max_attempts: int | None, config: Any) -> Any:
    """The settings for ordinary calls: asfini's, then the session's, then the user's for this connection."""
    if not isinstance(config, Config | None):
        raise InvalidArgument(f"config must be an aiobotocore.config.AioConfig, not {config!r}")
    agent = f"asfini/{version('asfini')} aiobotocore/{version('aiobotocore')}"
    merged: Any = AioConfig(user_agent=agent, max_pool_connections=_CONNECTIONS)
    for given in (session.session.get_default_client_config(), config):
        merged = merged.merge(given) if given is not None else merged
    mode = session.session.get_config_variable("retry_mode")
    retries = {"mode": "standard" if mode == "legacy" else mode, **(merged.retries or {})}
    if max_attempts is not None:
        retries["total_max_attempts"] = max_attempts
    return merged.merge(AioConfig(retries=retries))


async def _check_answer(*, http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Refuse an answer that botocore takes for an empty one because it knows nothing in it.

    Else a proxy's page, or the first half of an answer, would pass for a poll that found no task.
    """
    if http_response.status_code >= 300 or parsed.keys() - {"ResponseMetadata"}:
        return
    body, shape = await http_response.content, model.output_shape
    if shape.required_members or not (_is_object(body) if body else not shape.members):
        raise ResponseParserError(f"{body[:40]!r}")


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
