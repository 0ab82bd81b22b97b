"""The operations on activities, and on the tasks that their workers have."""

from random import Random
from typing import Any

import anyio

from asfini import _jackson, errors
from asfini.local._operations import Listing, checked_arn, checked_name
from asfini.local.dates import Dates
from asfini.local.failures import Failure
from asfini.local.options import checked_encryption
from asfini.local.tags import tag_dict
from asfini.local.tasks import ActivityRecord, Tokens


class Activities:
    """Activities, and the tasks in the hands of their workers.

    Args:
        prefix: what an activity's ARN begins with.
        dates: tells the time.
        poll_seconds: how long a poll without a task is held; `None` holds on.
        random: what tokens are drawn from.
    """

    def __init__(self, prefix: str, dates: Dates, poll_seconds: float | None, random: Random) -> None:
        self._prefix = prefix
        self._dates = dates
        self._poll_seconds = poll_seconds
        self.records: dict[str, ActivityRecord] = {}
        """The activities by ARN."""
        self.tokens = Tokens(random)
        """The tasks that are open."""
        self._polls: dict[anyio.CancelScope, str | None] = {}
        """The polls that are open, and whose they are."""

    def close(self) -> None:
        """Let all open polls fail: there will be no task any more."""
        for record in self.records.values():
            for poll in record.polls:
                if not poll.done():
                    poll.set_exception(errors.ConnectionFailed("the service was closed before a task came"))

    def end_polls(self, worker_name: str) -> None:
        """End a worker's open polls without a task."""
        for scope, name in self._polls.items():
            if name == worker_name:
                scope.cancel()

    def _find(self, arn: str) -> ActivityRecord:
        found = self.records.get(checked_arn(arn, "activity"))
        if found is None:
            raise errors.ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'")
        return found

    async def create_activity(
        self,
        name: str,
        tags: list[Any] | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make an activity, or find the one that is there, whatever its tags."""
        arn = self._prefix + checked_name(name, "an activity")
        encryption = checked_encryption(encryptionConfiguration)
        known = self.records.get(arn)
        if known is None:
            known = ActivityRecord(arn, name, self._dates.now(), encryption, tag_dict(tags))
            self.records[arn] = known
        elif known.encryption != encryption:
            raise errors.ActivityAlreadyExists(
                f"Activity already exists. EncryptionConfiguration may not be updated: '{arn}'"
            )
        return {"activityArn": arn, "creationDate": known.created}

    async def describe_activity(self, activityArn: str) -> dict[str, Any]:
        """Tell an activity's name and age."""
        record = self._find(activityArn)
        return {**_entry(record), "encryptionConfiguration": dict(record.encryption or {})}

    async def delete_activity(self, activityArn: str) -> dict[str, Any]:
        """Delete an activity; one that is not there is no error."""
        record = self.records.pop(checked_arn(activityArn, "activity"), None)
        if record is not None:
            record.delete()
        return {}

    async def list_activities(self, maxResults: int = 0, nextToken: str | None = None) -> dict[str, Any]:
        """List activities, by name."""
        records = [record for _, record in sorted(self.records.items())]
        return _LISTING.page(records, maxResults, nextToken)

    async def get_activity_task(self, activityArn: str, workerName: str | None = None) -> dict[str, Any]:
        """Wait for a task; without one, the response is empty."""
        if workerName is not None:
            checked_name(workerName, "a worker")
        record, task = self._find(activityArn), None
        with anyio.CancelScope() as scope:
            self._polls[scope] = workerName
            try:
                task = await record.poll(workerName, self._poll_seconds)
            finally:
                del self._polls[scope]
        return {} if task is None else {"taskToken": task.token, "input": task.text}

    async def send_task_success(self, taskToken: str, output: str) -> dict[str, Any]:
        """End a task with its output."""
        task = self.tokens.find(taskToken)
        _jackson.loads(output, lambda reason: errors.InvalidOutput(f"Invalid Output: '{reason}'"))
        task.succeed(output)
        return {}

    async def send_task_failure(
        self, taskToken: str, error: str | None = None, cause: str | None = None
    ) -> dict[str, Any]:
        """End a task with an error."""
        self.tokens.find(taskToken).fail(Failure(error, cause))
        return {}

    async def send_task_heartbeat(self, taskToken: str) -> dict[str, Any]:
        """Note a sign of life of a task's worker."""
        self.tokens.find(taskToken).beat()
        return {}


def _entry(record: ActivityRecord) -> dict[str, Any]:
    return {"activityArn": record.arn, "name": record.name, "creationDate": record.created}


_LISTING = Listing("activities", mark=lambda record: record.arn, tell=_entry)
