"""What to do next, after an error."""

import shlex
from argparse import Namespace

from asfini import errors
from asfini.errors import ExecutionError, InvalidArgument, ServiceError

_UNKNOWN = "`{call} register` makes it known; or it is in another --region, or of another --profile"
_WITHOUT_AWS = "without AWS, run `{prog} local` and give its address as --endpoint-url, or start with --local"
_HINTS: dict[type[ServiceError], str] = {
    errors.CredentialsInvalid: "--profile names other credentials of AWS's configuration; " + _WITHOUT_AWS,
    errors.AccessDenied: "`{prog} policy --for starter` and `--for worker` print what must be allowed",
    errors.ConnectionFailed: "is something listening at --endpoint-url or AWS_ENDPOINT_URL? `{prog} local` "
    "is Step Functions on this machine",
    errors.StateMachineDoesNotExist: _UNKNOWN,
    errors.ActivityDoesNotExist: _UNKNOWN,
    errors.ExecutionDoesNotExist: "it is in another --region, of another --profile, or ended more than 90 "
    "days ago",
    errors.ExecutionAlreadyExists: "--name names it otherwise",
    errors.ExecutionNotRedrivable: "`{prog} explain {arn}` says how it stands; `{call} start` starts anew",
    errors.Throttled: "AWS asks to be called less often; the same command may do in a while",
}
"""By kind of error, the more special ones first."""


def hint_for(error: BaseException, prog: str, args: Namespace) -> str | None:
    """What a person may do next; `None` where nobody knows.

    Args:
        error: what went wrong.
        prog: the program's name.
        args: the command line.
    """
    apps = [part for app in getattr(args, "app", None) or [] for part in ("--app", app)]
    call = shlex.join([prog, *apps])
    if isinstance(error, ExecutionError):
        return _explaining(error, call, args)
    hint = _WITHOUT_AWS if _lacks_region(error) else None
    hint = hint or next((text for kind, text in _HINTS.items() if isinstance(error, kind)), None)
    call = " ".join([call, *map(shlex.quote, _where(args, "region", "profile", "endpoint_url"))])
    return None if hint is None else hint.format(prog=prog, call=call, arn=getattr(args, "arn", "ARN"))


def _lacks_region(error: BaseException) -> bool:
    """Whether nothing is configured, as where somebody tries asfini for the first time."""
    from asfini.aws.session import NO_REGION  # slow, and help does without

    return isinstance(error, InvalidArgument) and str(error).startswith(NO_REGION)


def _where(args: Namespace, *options: str) -> list[str]:
    """Those of some options that say where to ask, as they are written."""
    given = {option: getattr(args, option, None) for option in options}
    return [
        part
        for option, value in given.items()
        if value is not None
        for part in (f"--{option.replace('_', '-')}", value)
    ]


def _explaining(error: ExecutionError, call: str, args: Namespace) -> str | None:
    """How to learn more of an execution; one that ran here is gone."""
    if args.command == "run" or args.local:
        options = [option for option in ("explain", "history") if getattr(args, option, None) is False]
        return f"--{options[0]} says more" if options else None
    there = _where(args, "endpoint_url", "profile")  # the region is the ARN's
    return f"{call} {shlex.join(['explain', error.execution_arn, *there])}"
