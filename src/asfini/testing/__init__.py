"""For tests: time that jumps, mocks, faults and quotas. The fixture `local_client` brings a service."""

from asfini._mocks import Mock, MockCall
from asfini._quotas import Quota
from asfini.clock import hold, virtual_time
from asfini.local.faults import Fault, FaultyService, Struck
from asfini.local.quotas import ThrottledService
from asfini.testing.recording import record

__all__ = [
    "Fault",
    "FaultyService",
    "Mock",
    "MockCall",
    "Quota",
    "Struck",
    "ThrottledService",
    "hold",
    "record",
    "virtual_time",
]
