"""AWS JSON 1.0, the API's form over HTTP: requests' bodies in, answers and errors out.

What operations take is in `asfini.local._requests`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asfini import _json, errors
from asfini.local._requests import REQUESTS, received

TARGET = "AWSStepFunctions"
"""What the header X-Amz-Target begins with, before a dot and the operation."""
CONTENT_TYPE = "application/x-amz-json-1.0"

_CORAL = "com.amazon.coral.service#"
_STEP_FUNCTIONS = "com.amazonaws.swf.service.v2.model#"
_NAMESPACES = {
    "AccessDeniedException": _CORAL,
    "InternalFailure": _CORAL,
    "SerializationException": _CORAL,
    "ServiceUnavailable": "com.amazon.coral.availability#",
    "ThrottlingException": "com.amazon.coral.availability#",
    "UnknownOperationException": _CORAL,
    "ValidationException": "com.amazon.coral.validate#",
}
"""Where errors come from that are not Step Functions' own."""
_STATUSES = {
    "ConflictException": 409,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServerException": 500,
    "RequestEntityTooLargeException": 413,
    "ServiceQuotaExceededException": 402,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
}
"""Errors that are not the caller's fault, or have a status of their own; all others are 400."""
_CODES = {"AccessDenied": "AccessDeniedException", "Throttled": "ThrottlingException"}
"""AWS's codes of errors that are called otherwise here."""

_OPERATIONS = {"".join(map(str.title, name.split("_"))): name for name in REQUESTS}
"""The operations' names in snake case, by the API's."""


def refusal(code: str, message: str = "") -> errors.ServiceError:
    """An error with one of the codes that all services of AWS share."""
    return errors.service_error(code, message)


def operation_of(target: str | None) -> str:
    """What the header X-Amz-Target asks for, in snake case.

    Raises:
        ServiceError: Step Functions has no such operation.
    """
    if target is None:
        raise refusal("UnknownOperationException", "no header X-Amz-Target says which operation is called")
    service, _, name = target.partition(".")
    found = _OPERATIONS.get(name) if service == TARGET else None
    if found is None:
        raise refusal("UnknownOperationException", f"there is no operation {target[:200]!r}")
    return found


def decode(operation: str, body: bytes) -> dict[str, Any]:
    """Read an operation's parameters. What is unknown, or null, is left out, as AWS does.

    Raises:
        ServiceError: the body is no JSON, or something in it is of another type than it should be.
        ValidationException: something is missing, or breaks a limit.
    """
    try:
        return received(operation, _json.loads(body, "the body"))
    except (errors.InvalidArgument, OverflowError) as error:
        raise refusal("SerializationException", str(error)) from None


def encode(answer: Mapping[str, Any]) -> bytes:
    """Write an answer: dates as seconds since 1970, with milliseconds."""
    return json.dumps(answer, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    raise TypeError(f"an answer has a {type(value).__name__}")


@dataclass(frozen=True)
class Refusal:
    """An error as it goes over the wire."""

    status: int
    code: str
    body: bytes

    @classmethod
    def of(cls, error: errors.ServiceError) -> "Refusal":
        """Write an error."""
        code = _CODES.get(error.code, error.code)
        kind = _NAMESPACES.get(code, _STEP_FUNCTIONS) + code
        return cls(_STATUSES.get(code, 400), code, encode({"__type": kind, "message": error.message}))


def identity(account_id: str, partition: str, request_id: str) -> str:
    """What the Security Token Service answers to GetCallerIdentity."""
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult><Arn>arn:{partition}:iam::{account_id}:root</Arn>"
        f"<UserId>{account_id}</UserId><Account>{account_id}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )


def query_refusal(code: str, message: str, request_id: str) -> str:
    """An error as services answer it that take forms."""
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
