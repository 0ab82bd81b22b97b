"""Workers do activities' tasks: many activities in one event loop, with heartbeats by themselves."""

from asfini.worker.limits import Limits
from asfini.worker.middleware import CallNext, Middleware, Step
from asfini.worker.stats import ActivityStats, Block, WorkerStats
from asfini.worker.worker import Worker

__all__ = ["ActivityStats", "Block", "CallNext", "Limits", "Middleware", "Step", "Worker", "WorkerStats"]
