"""ARNs: with CloudFormation's pseudo parameters for the account in definitions, filled in to call AWS."""

from dataclasses import dataclass

from asfini.errors import InvalidArgument

MAX_NAME_LENGTH = 80
_FORBIDDEN = frozenset('<>{}[]?*"#%\\^|~`$&,;:/\ufffe\uffff\U0010ffff')
"""What names must not have, besides blanks and controls: CreateStateMachine in the API reference."""


@dataclass(frozen=True)
class Account:
    """Where calls go: what the pseudo parameters in definitions stand for."""

    partition: str
    region: str
    account_id: str

    def fill_in(self, text: str) -> str:
        """Put the account in the places of CloudFormation's pseudo parameters."""
        if not has_pseudo_parameters(text):
            return text
        text = text.replace("${AWS::Partition}", self.partition).replace("${AWS::Region}", self.region)
        return text.replace("${AWS::AccountId}", self.account_id)


def has_pseudo_parameters(text: str) -> bool:
    """Whether an account must be known to make use of a text."""
    return "${AWS::" in text


def arn_of(service: str, resource: str) -> str:
    """Write the ARN of a resource in whichever account it will be: `arn_of("states", "activity:pay")`."""
    return f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"


def role_arn(role: str) -> str:
    """The ARN of a role that is given by its ARN or name."""
    return (
        role if role.startswith("arn:") else f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{role}"
    )


@dataclass(frozen=True)
class Arn:
    """An ARN of Step Functions', taken apart.

    Args:
        account: what it begins with, up to the account.
        kind: `activity`, `stateMachine`, `execution`, `express`, `mapRun`, …
        parts: the names that follow: an activity's; a machine's, and perhaps a version or alias of it; the
            machine's and the execution's (and an id, where the machine is of type EXPRESS).
    """

    account: str
    kind: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: object) -> "Arn":
        """Take an ARN apart.

        Raises:
            InvalidArgument: it is none of Step Functions'.
        """
        pieces = text.split(":") if isinstance(text, str) else []
        if len(pieces) < 7 or (pieces[0], pieces[2]) != ("arn", "states") or not all(pieces):
            raise InvalidArgument(f"an ARN of Step Functions is needed, not {text!r}")
        return cls(":".join(pieces[:5]), pieces[5], tuple(pieces[6:]))

    def __str__(self) -> str:
        return ":".join([self.account, self.kind, *self.parts])


def check_name(name: object, what: str) -> str:
    """Give a name back if AWS would take it for an activity, a machine or an execution.

    Raises:
        InvalidArgument: it is empty, has more than 80 characters or one that is forbidden, which is named.
    """
    if not isinstance(name, str):
        raise InvalidArgument(f"{what} is named with text, not with {name!r}")
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidArgument(
            f"{what} has a name of 1 to {MAX_NAME_LENGTH} characters, not {len(name)}: {name!r}"
        )
    bad = next((letter for letter in name if letter in _FORBIDDEN or _is_no_letter(letter)), None)
    if bad is not None:
        raise InvalidArgument(f"{what} must not have {bad!r} in its name: {name!r}")
    return name


def _is_no_letter(letter: str) -> bool:
    """Whether a character is a blank, a control or half a surrogate pair."""
    return letter.isspace() or letter < " " or "\x7f" <= letter <= "\x9f" or "\ud800" <= letter <= "\udfff"
