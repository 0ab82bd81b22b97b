"""Workers do activities' tasks: many activities in one event loop, with heartbeats by themselves."""

from asfini.worker.worker import Worker

__all__ = ["Worker"]
