"""A client whose service fails as it is told."""

import pytest
from faults import Faulty

from asfini import Client


@pytest.fixture
def service(local_client: Client) -> Faulty:
    """The local service, which fails as it is told."""
    return Faulty(local_client.service)


@pytest.fixture
def client(service: Faulty) -> Client:
    """A client of the service that fails."""
    return Client(service)
