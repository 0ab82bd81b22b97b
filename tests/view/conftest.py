"""A client on the local service, in virtual time, whose ids and tokens are the same in each run."""

from collections.abc import AsyncIterator

import pytest

import asfini
from asfini import Client
from asfini.testing import virtual_time


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    with virtual_time():
        async with asfini.local.connect(seed=0) as client:
            yield client
