"""How often AWS lets operations be called: a bucket of tokens for each.

Figures are those of the developer guide's page "Step Functions service quotas", which AWS raises on request.
"""

from typing import NamedTuple

MAX_POLLS = 1_000
"""The most open polls for one activity: GetActivityTask in the API reference, and the service quotas page."""
LARGE_REGIONS = frozenset({"eu-west-1", "us-east-1", "us-west-2"})
"""Where some quotas are larger than elsewhere."""


class Quota(NamedTuple):
    """How often an operation may be called."""

    bucket: float
    """How many calls may come at once."""
    per_second: float
    """How many more may come in each second."""


_TASKS = Quota(3000, 500), Quota(1500, 300)
_STARTS = Quota(1300, 300), Quota(800, 150)
_SELDOM, _SOMETIMES = (Quota(100, 1), Quota(100, 1)), (Quota(200, 1), Quota(200, 1))
AWS: dict[str, tuple[Quota, Quota]] = {
    "create_activity": _SELDOM,
    "create_state_machine": _SELDOM,
    "delete_activity": _SELDOM,
    "delete_state_machine": _SELDOM,
    "describe_activity": _SOMETIMES,
    "describe_execution": (Quota(300, 15), Quota(250, 10)),
    "describe_state_machine": (Quota(200, 20), Quota(200, 20)),
    "describe_state_machine_for_execution": _SOMETIMES,
    "get_activity_task": _TASKS,
    "get_execution_history": (Quota(400, 20), Quota(400, 20)),
    "list_activities": (Quota(100, 10), Quota(100, 5)),
    "list_executions": (Quota(200, 5), Quota(100, 2)),
    "list_state_machines": (Quota(100, 5), Quota(100, 5)),
    "list_tags_for_resource": _SELDOM,
    "redrive_execution": _STARTS,
    "send_task_failure": _TASKS,
    "send_task_heartbeat": _TASKS,
    "send_task_success": _TASKS,
    "start_execution": _STARTS,
    "stop_execution": (Quota(1000, 200), Quota(500, 25)),
    "tag_resource": _SOMETIMES,
    "untag_resource": _SOMETIMES,
    "update_state_machine": _SELDOM,
}
"""Quotas by operation, in large regions and elsewhere. Others have no known figure, and are not throttled."""


def aws_quotas(region: str) -> dict[str, Quota]:
    """AWS's quotas in a region."""
    column = 0 if region in LARGE_REGIONS else 1
    return {operation: quotas[column] for operation, quotas in AWS.items()}
