"""An endpoint in this process, asked over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from http_caller import Caller

from asfini import local
from asfini.local import Endpoint


@pytest.fixture
def options() -> dict[str, Any]:
    """Options of the endpoint: override it to give some."""
    return {}


@pytest.fixture
async def endpoint(options: dict[str, Any]) -> AsyncIterator[Endpoint]:
    """An endpoint with nothing in it."""
    async with local.serve(port=0, **options) as endpoint:
        yield endpoint


@pytest.fixture
async def caller(endpoint: Endpoint) -> AsyncIterator[Caller]:
    """Whoever asks it."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Caller(endpoint.url, session)
