"""The operations on activities, and on the tasks that their workers have."""

from typing import Any

from asfini import _json, errors
from asfini.local._operations import checked_arn, checked_name, page, tag_dict
from asfini.local.dates import Dates
from asfini.local.failures import Failure
from asfini.local.tasks import ActivityRecord, Tokens

MAX_ERROR_LENGTH, MAX_CAUSE_LENGTH = 256, 32_768
"""The most characters of what SendTaskFailure says: its page in the API reference."""


class Activities:
    """Activities, and the tasks in the hands of their workers.

    Args:
        prefix: what an activity's ARN begins with.
        dates: tells the time.
        poll_seconds: how long a poll without a task is held; `None` holds on.
    """

    def __init__(self, prefix: str, dates: Dates, poll_seconds: float | None) -> None:
        self._prefix = prefix
        self._dates = dates
        self._poll_seconds = poll_seconds
        self._activities: dict[str, ActivityRecord] = {}
        self._tokens = Tokens()

    @property
    def _records(self) -> tuple[dict[str, ActivityRecord], Tokens]:
        return self._activities, self._tokens

    def _find(self, arn: str) -> ActivityRecord:
        found = self._activities.get(checked_arn(arn, "activity"))
        if found is None:
            raise errors.ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'")
        return found

    async def create_activity(
        self,
        name: str,
        tags: list[dict[str, str]] | None = None,
        encryptionConfiguration: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make an activity, or find the one that is there."""
        arn = self._prefix + checked_name(name, "an activity")
        known = self._activities.get(arn)
        if known is None:
            known = ActivityRecord(arn, name, self._dates.now(), encryptionConfiguration, tag_dict(tags))
            self._activities[arn] = known
        elif known.encryption != encryptionConfiguration:
            raise errors.ActivityAlreadyExists(
                f"Activity already exists. EncryptionConfiguration may not be updated: '{arn}'"
            )
        return {"activityArn": arn, "creationDate": known.created}

    async def describe_activity(self, activityArn: str) -> dict[str, Any]:
        """Tell an activity's name and age."""
        return _description(self._find(activityArn))

    async def delete_activity(self, activityArn: str) -> dict[str, Any]:
        """Delete an activity; one that is not there is no error."""
        record = self._activities.pop(checked_arn(activityArn, "activity"), None)
        if record is not None:
            record.delete()
        return {}

    async def list_activities(self, maxResults: int = 0, nextToken: str | None = None) -> dict[str, Any]:
        """List activities, the youngest first."""
        entries = [_description(record) for record in reversed(self._activities.values())]
        for entry in entries:
            entry.pop("encryptionConfiguration", None)
        return page("activities", entries, maxResults, nextToken)

    async def get_activity_task(self, activityArn: str, workerName: str | None = None) -> dict[str, Any]:
        """Wait for a task; without one, the response is empty."""
        task = await self._find(activityArn).poll(self._poll_seconds)
        if task is None:
            return {"taskToken": None, "input": None}
        task.start(workerName)
        return {"taskToken": task.token, "input": task.text}

    async def send_task_success(self, taskToken: str, output: str) -> dict[str, Any]:
        """End a task with its output."""
        task = self._tokens.find(taskToken)
        try:
            _json.loads(output, "the output")
        except errors.InvalidArgument as error:
            raise errors.InvalidOutput(f"Invalid Output: '{error}'") from None
        if _json.size(output) > _json.MAX_PAYLOAD_BYTES:
            raise errors.InvalidOutput(f"Invalid Output: 'more than {_json.MAX_PAYLOAD_BYTES} bytes'")
        task.succeed(output)
        return {}

    async def send_task_failure(
        self, taskToken: str, error: str | None = None, cause: str | None = None
    ) -> dict[str, Any]:
        """End a task with an error."""
        for name, text, most in (("error", error, MAX_ERROR_LENGTH), ("cause", cause, MAX_CAUSE_LENGTH)):
            if text is not None and len(text) > most:
                raise errors.ValidationException(
                    f"1 validation error detected: Value at '{name}' failed to satisfy constraint: "
                    f"Member must have length less than or equal to {most}"
                )
        self._tokens.find(taskToken).fail(Failure(error, cause))
        return {}

    async def send_task_heartbeat(self, taskToken: str) -> dict[str, Any]:
        """Note a sign of life of a task's worker."""
        self._tokens.find(taskToken).beat()
        return {}


def _description(record: ActivityRecord) -> dict[str, Any]:
    described = {"activityArn": record.arn, "name": record.name, "creationDate": record.created}
    if record.encryption is not None:
        described["encryptionConfiguration"] = record.encryption
    return described
