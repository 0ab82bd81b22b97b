"""One client, three that answer: moto's server and asfini's endpoint over HTTP, and the local service."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiobotocore.session import AioSession

from asfini import Client, ServiceWrapper, local
from asfini.aws import AwsService, AWSSession
from asfini.errors import ConnectionFailed
from asfini.service import Service
from asfini.testing import virtual_time

REGION = "eu-west-1"


_BROKEN = ("answered with status 500", "gave no sensible answer")


class Watched(ServiceWrapper):
    """Notes what is called; what moto itself breaks down at skips the test, with moto's own error."""

    def __init__(self, inner: Service, *, moto: bool) -> None:
        super().__init__(inner)
        self.moto = moto
        self.calls: list[str] = []

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.calls.append(operation)
        try:
            return await super().call(operation, **parameters)
        except ConnectionFailed as error:
            if self.moto and any(sign in str(error) for sign in _BROKEN):
                pytest.skip(f"moto: {str(error)[:200]}")
            raise


@pytest.fixture(params=["moto", "endpoint", "process"])
def backend(request: pytest.FixtureRequest, nothing_configured: None) -> str:
    """What answers."""
    return str(request.param)


@pytest.fixture
async def service(backend: str, request: pytest.FixtureRequest, boto: AioSession) -> AsyncIterator[Watched]:
    """Step Functions with nothing in it."""
    if backend == "moto":
        session = AWSSession(boto, region=REGION, endpoint_url=request.getfixturevalue("moto_url"))
        async with AwsService(session) as answering:
            yield Watched(answering, moto=True)
    elif backend == "endpoint":
        async with (
            local.serve(port=0, region=REGION) as endpoint,
            AwsService(AWSSession(boto, region=REGION, endpoint_url=endpoint.url)) as answering,
        ):
            yield Watched(answering, moto=False)
    else:
        with virtual_time():
            async with local.connect(region=REGION) as client:
                yield Watched(client.service, moto=False)


@pytest.fixture
def client(service: Watched) -> Client:
    """The client, which cannot tell what answers."""
    return Client(service)
