"""The operations on tags, of state machines and activities; versions and aliases have none of their own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from asfini import errors
from asfini.local._operations import checked_arn
from asfini.local.registry import Registry
from asfini.local.tasks import ActivityRecord

MAX_TAGS = 50
"""The most tags of a resource: the service quotas page."""
_LETTERS = re.compile(r"[\w\s.:/=+\-@]*")
"""What tags may contain: TagResource in the API reference."""
_RESERVED = "aws:"


class Tags:
    """Tags.

    Args:
        activities: the activities by ARN.
        registry: the machines.
    """

    def __init__(self, activities: Mapping[str, ActivityRecord], registry: Registry) -> None:
        self._activities = activities
        self._registry = registry

    async def tag_resource(self, resourceArn: str, tags: list[Any]) -> dict[str, Any]:
        """Add tags to a machine or an activity."""
        there = self._of(resourceArn)
        merged = there | tag_dict(tags)
        _check_number(merged)
        there.update(merged)
        return {}

    async def untag_resource(self, resourceArn: str, tagKeys: list[Any]) -> dict[str, Any]:
        """Remove tags from a machine or an activity."""
        tags = self._of(resourceArn)
        for key in tagKeys:
            tags.pop(key, None)
        return {}

    async def list_tags_for_resource(self, resourceArn: str) -> dict[str, Any]:
        """List the tags of a machine or an activity."""
        return {"tags": [{"key": key, "value": value} for key, value in self._of(resourceArn).items()]}

    def _of(self, arn: str) -> dict[str, str]:
        checked_arn(arn, "stateMachine|activity")
        found = self._activities.get(arn) or self._registry.known(arn)
        if found is None:
            raise errors.ResourceNotFound(f"Resource not found: '{arn}'")
        return found.tags


def tag_dict(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Read tags as the API gives them; of two with the same key, the later one counts.

    Raises:
        TooManyTags: they are too many.
        ValidationException: one has no key, or characters that it must not have.
    """
    found: dict[str, str] = {}
    for number, tag in enumerate(tags or [], 1):
        if "key" not in tag:
            raise errors.ValidationException(
                f"1 validation error detected: Value null at 'tags.{number}.member.key' failed to satisfy "
                "constraint: Member must not be null"
            )
        for part, text in tag.items():
            _check_letters(part, text)
        found[tag["key"]] = tag.get("value", "")
    _check_number(found)
    return found


def _check_number(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise errors.TooManyTags(f"A resource has at most {MAX_TAGS} tags")


def _check_letters(part: str, text: str) -> None:
    if not _LETTERS.fullmatch(text):
        raise errors.ValidationException(
            f"A tag's {part} has letters, digits, white space and _ . : / = + - @ only, not '{text}'"
        )
    if part == "key" and text.lower().startswith(_RESERVED):
        raise errors.ValidationException(f"Keys of tags that begin with {_RESERVED} are AWS's own: '{text}'")
