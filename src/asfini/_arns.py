"""ARNs: with CloudFormation's pseudo parameters for the account in definitions, filled in to call AWS."""

import re
from dataclasses import dataclass

from asfini.errors import InvalidArgument

MAX_NAME_LENGTH = 80
_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Account:
    """Where calls go: what the pseudo parameters in definitions stand for."""

    partition: str
    region: str
    account_id: str

    def fill_in(self, text: str) -> str:
        """Put the account in the places of CloudFormation's pseudo parameters."""
        if "${AWS::" not in text:
            return text
        text = text.replace("${AWS::Partition}", self.partition).replace("${AWS::Region}", self.region)
        return text.replace("${AWS::AccountId}", self.account_id)


def arn_of(service: str, resource: str) -> str:
    """Write the ARN of a resource in whichever account it will be: `arn_of("states", "activity:pay")`."""
    return f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"


def check_name(name: object, what: str) -> str:
    """Give a name back if AWS would take it for an activity, a machine or an execution.

    Raises:
        InvalidArgument: it is empty, has more than 80 characters or one that is forbidden, which is named.
    """
    if not isinstance(name, str):
        raise InvalidArgument(f"{what} is named with text, not with {name!r}")
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidArgument(f"{what} has a name of 1 to {MAX_NAME_LENGTH} characters, not {len(name)}: {name!r}")
    if bad := _FORBIDDEN.search(name):
        raise InvalidArgument(f"{what} must not have {bad.group()!r} in its name: {name!r}")
    return name
