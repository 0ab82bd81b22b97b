"""Every error that asfini raises.

The tree::

    AsfiniError
    ├── InvalidArgument (ValueError)     refused before anything was sent
    │   └── DefinitionError              what the States Language forbids, all of it: `problems`
    ├── MissingExtra (ImportError)       an optional library is not installed
    ├── TaskFailed                       raised by an activity, to fail with a name of its choice
    ├── TaskInputInvalid                 a task's input does not fit the activity's signature
    ├── TaskOutputInvalid                an activity's result is not JSON, or too large
    ├── ExecutionError                   an execution ended, but not well: `error`, `cause`
    │   ├── ExecutionFailed
    │   ├── ExecutionTimedOut
    │   └── ExecutionAborted
    └── ServiceError                     Step Functions refused: `operation`, `code`, `message`
        ├── ConnectionFailed             no answer came, or none that makes sense
        ├── Throttled                    too many requests; try again later
        ├── AccessDenied                 credentials missing, expired or not allowed to
        ├── DoesNotExist                 ActivityDoesNotExist, ExecutionDoesNotExist, …
        ├── AlreadyExists                ActivityAlreadyExists, ExecutionAlreadyExists, …
        ├── LimitExceeded                ActivityLimitExceeded, ServiceQuotaExceededException, …
        ├── InvalidRequest               InvalidArn, InvalidName, ValidationException, …
        └── KmsError                     KmsAccessDeniedException, …

The classes below `ServiceError` that have a code of AWS's bear exactly that name, so that
`except asfini.errors.TaskTimedOut` reads like the API's own documentation.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol


class ProblemLike(Protocol):
    """What is wrong with a definition, and where: see `asfini.asl.Problem`."""

    @property
    def code(self) -> str: ...
    @property
    def location(self) -> str: ...
    @property
    def message(self) -> str: ...


class AsfiniError(Exception):
    """The base of all errors of this package."""


class InvalidArgument(AsfiniError, ValueError):
    """An argument cannot be what it is; nothing was sent."""


class DefinitionError(InvalidArgument):
    """A definition breaks the rules of the States Language."""

    def __init__(self, subject: str, problems: Sequence[ProblemLike]) -> None:
        self.problems = tuple(problems)
        """All that is wrong, in the order of the definition."""
        count = f"{len(self.problems)} problem{'s' * (len(self.problems) != 1)}"
        lines = [f"  {problem.location or '/'}: {problem.message} [{problem.code}]" for problem in problems]
        super().__init__("\n".join([f"{subject} has {count}:", *lines]))


class MissingExtra(AsfiniError, ImportError):
    """A feature needs a library that comes with an extra of asfini's."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra: python -m pip install 'asfini[{extra}]'")
        self.extra = extra


class TaskFailed(AsfiniError):
    """Raise it in an activity to fail the task with an error name that Retry and Catch can match.

    Args:
        error: the error's name, at most 256 characters; longer ones are cut.
        cause: what happened, for people, at most 32,768 characters; longer ones are cut.
    """

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}" if cause else error)
        self.error = error
        self.cause = cause


class TaskInputInvalid(AsfiniError, ValueError):
    """A task's input does not fit what the activity takes."""


class TaskOutputInvalid(AsfiniError, ValueError):
    """What an activity returned cannot be a task's output."""


class ExecutionError(AsfiniError):
    """An execution ended without success."""

    status: ClassVar[str]

    def __init__(self, execution_arn: str, error: str | None = None, cause: str | None = None) -> None:
        ending = self.status.lower().replace("_", " ")
        details = ": ".join(part for part in (error, cause) if part)
        super().__init__(f"execution {execution_arn} {ending}" + (f": {details}" if details else ""))
        self.execution_arn = execution_arn
        self.error = error
        """The error's name, if one was given."""
        self.cause = cause
        """The error's details, if any were given."""


class ExecutionFailed(ExecutionError):
    """An execution failed."""

    status = "FAILED"


class ExecutionTimedOut(ExecutionError):
    """An execution ran for longer than its machine's TimeoutSeconds."""

    status = "TIMED_OUT"


class ExecutionAborted(ExecutionError):
    """An execution was stopped."""

    status = "ABORTED"


class ServiceError(AsfiniError):
    """Step Functions answered a call with an error."""

    def __init__(self, message: str = "", *, operation: str | None = None, code: str | None = None) -> None:
        self.operation = operation
        """The operation in snake case, such as `start_execution`."""
        self.code = code or type(self).__name__
        """AWS's code, such as `ExecutionAlreadyExists`."""
        self.message = message
        super().__init__(f"{operation}: {self.code}: {message}" if operation else f"{self.code}: {message}")


class ConnectionFailed(ServiceError):
    """No answer came from the service, or none that can be understood."""


class Throttled(ServiceError):
    """The service asks to be called less often."""


class AccessDenied(ServiceError):
    """The caller's credentials are missing, expired, wrong, or do not allow the call."""


class DoesNotExist(ServiceError):
    """What the call names does not exist."""


class ActivityDoesNotExist(DoesNotExist): ...


class ExecutionDoesNotExist(DoesNotExist): ...


class StateMachineDoesNotExist(DoesNotExist): ...


class TaskDoesNotExist(DoesNotExist): ...


class ResourceNotFound(DoesNotExist): ...


class AlreadyExists(ServiceError):
    """What the call would make exists already, and differs."""


class ActivityAlreadyExists(AlreadyExists): ...


class ExecutionAlreadyExists(AlreadyExists): ...


class StateMachineAlreadyExists(AlreadyExists): ...


class LimitExceeded(ServiceError):
    """A quota of the account is used up."""


class ActivityLimitExceeded(LimitExceeded): ...


class ActivityWorkerLimitExceeded(LimitExceeded): ...


class ExecutionLimitExceeded(LimitExceeded): ...


class ServiceQuotaExceededException(LimitExceeded): ...


class StateMachineLimitExceeded(LimitExceeded): ...


class TooManyTags(LimitExceeded): ...


class InvalidRequest(ServiceError):
    """The call's parameters are not acceptable."""


class InvalidArn(InvalidRequest): ...


class InvalidDefinition(InvalidRequest): ...


class InvalidEncryptionConfiguration(InvalidRequest): ...


class InvalidExecutionInput(InvalidRequest): ...


class InvalidLoggingConfiguration(InvalidRequest): ...


class InvalidName(InvalidRequest): ...


class InvalidOutput(InvalidRequest): ...


class InvalidToken(InvalidRequest): ...


class InvalidTracingConfiguration(InvalidRequest): ...


class MissingRequiredParameter(InvalidRequest): ...


class StateMachineTypeNotSupported(InvalidRequest): ...


class ValidationException(InvalidRequest): ...


class KmsError(ServiceError):
    """A key of the Key Management Service cannot be used."""


class KmsAccessDeniedException(KmsError): ...


class KmsInvalidStateException(KmsError): ...


class KmsThrottlingException(KmsError): ...


class ConflictException(ServiceError): ...


class ExecutionNotRedrivable(ServiceError): ...


class StateMachineDeleting(ServiceError): ...


class TaskTimedOut(ServiceError): ...


_OTHER_CODES: dict[str, type[ServiceError]] = {
    "ThrottlingException": Throttled,
    "Throttling": Throttled,
    "TooManyRequestsException": Throttled,
    "RequestLimitExceeded": Throttled,
    "SlowDown": Throttled,
    "AccessDeniedException": AccessDenied,
    "AccessDenied": AccessDenied,
    "ExpiredToken": AccessDenied,
    "ExpiredTokenException": AccessDenied,
    "IncompleteSignature": AccessDenied,
    "InvalidClientTokenId": AccessDenied,
    "InvalidSignatureException": AccessDenied,
    "MissingAuthenticationTokenException": AccessDenied,
    "NotAuthorized": AccessDenied,
    "OptInRequired": AccessDenied,
    "RequestExpired": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
}
"""Codes that AWS's services share: see the API reference's page "Common Errors"."""


def _with_subclasses(parent: type[ServiceError]) -> dict[str, type[ServiceError]]:
    found = {}
    for child in parent.__subclasses__():
        found[child.__name__] = child
        found |= _with_subclasses(child)
    return found


_BY_CODE = _with_subclasses(ServiceError) | _OTHER_CODES


def service_error(code: str, message: str, operation: str | None = None) -> ServiceError:
    """Make the error for a code of AWS's; an unknown code makes a plain `ServiceError`."""
    kind = _BY_CODE.get(code, ServiceError)
    return kind(message, operation=operation, code=code)
