"""For tests: time that jumps. The pytest plugin's fixture `local_client` brings it and a local service."""

from asfini.clock import hold, virtual_time

__all__ = ["hold", "virtual_time"]
