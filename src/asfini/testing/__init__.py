"""For tests: time that jumps, mocks, faults, quotas, coverage. `local_client` is a fixture."""

from asfini._mocks import Mock, MockCall
from asfini._quotas import Quota
from asfini.clock import hold, virtual_time
from asfini.local.faults import Fault, FaultyService, Struck
from asfini.local.quotas import ThrottledService
from asfini.testing.measuring import Coverage, coverage
from asfini.testing.recording import record

__all__ = [
    "Coverage",
    "Fault",
    "FaultyService",
    "Mock",
    "MockCall",
    "Quota",
    "Struck",
    "ThrottledService",
    "coverage",
    "hold",
    "record",
    "virtual_time",
]
