"""Watching executions for all who wait for them: looks within the service's quotas, many at once by pages.

A look at one execution is a `DescribeExecution`, of which AWS grants some 15 a second. A page of
`ListExecutions` tells which thousand executions of a machine still run, so that only what has ended is looked
at: pages take the place of looks wherever they are had sooner.
"""

from asfini._watching.watch import FIRST_GAP, LONGEST_GAP
from asfini._watching.watcher import Watcher, watcher_of

__all__ = ["FIRST_GAP", "LONGEST_GAP", "Watcher", "watcher_of"]
