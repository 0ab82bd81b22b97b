"""Every error that asfini raises.

The tree::

    AsfiniError
    ├── InvalidArgument (ValueError)     refused before anything was sent
    │   ├── DefinitionError              what the States Language forbids, all of it: `problems`
    │   └── ServiceClosed                the connection or the local service is not open
    ├── MissingExtra (ImportError)       an optional library is not installed
    ├── TaskFailed                       raised by an activity, to fail with a name of its choice
    ├── TaskInputInvalid                 a task's input does not fit the activity's signature
    ├── TaskOutputInvalid                an activity's result is not JSON, or too large
    ├── ExecutionOutputInvalid           an execution's output does not fit the type asked for
    ├── ExecutionError                   an execution ended, but not well: `error`, `cause`
    │   ├── ExecutionFailed
    │   ├── ExecutionTimedOut
    │   └── ExecutionAborted
    └── ServiceError                     Step Functions refused: `operation`, `code`, `message`
        ├── ConnectionFailed             no answer came, or none that makes sense
        ├── Throttled                    too many requests; try again later
        ├── AccessDenied                 the caller may not do that
        │   └── CredentialsInvalid       credentials are missing, have expired, or are unknown
        ├── DoesNotExist                 ActivityDoesNotExist, ExecutionDoesNotExist, …
        ├── AlreadyExists                ActivityAlreadyExists, ExecutionAlreadyExists, …
        ├── LimitExceeded                ActivityLimitExceeded, ServiceQuotaExceededException, …
        ├── InvalidRequest               InvalidArn, InvalidName, ValidationException, …
        ├── KmsError                     KmsAccessDeniedException, …
        ├── ConflictException            something else was changed at the same time, or refers to this
        ├── ExecutionNotRedrivable       it succeeded, or ended too long ago
        ├── StateMachineDeleting         it is gone when its executions have ended
        └── TaskTimedOut                 the task is closed: its time is over, or it was completed before

The classes below `ServiceError` that have a code of AWS's bear exactly that name, so that
`except asfini.errors.TaskTimedOut` reads like the API's own documentation.
"""

# ruff: noqa: N818 - what AWS calls an error is not renamed, and ours beside it follow suit

import copyreg
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol


class ProblemLike(Protocol):
    """What is wrong with a definition, and where: see `asfini.asl.Problem`."""

    @property
    def code(self) -> str:
        """The kind of problem, in AWS's words: `MISSING_TRANSITION_TARGET`."""
        ...

    @property
    def location(self) -> str:
        """Where, as a JSON pointer into the definition."""
        ...

    @property
    def message(self) -> str:
        """What, for people."""
        ...


class AsfiniError(Exception):
    """The base of all errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let errors be copied and sent to other processes, whatever their constructors take."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class InvalidArgument(AsfiniError, ValueError):
    """An argument cannot be what it is; nothing was sent."""


class DefinitionError(InvalidArgument):
    """A definition breaks the rules of the States Language.

    Args:
        subject: what has the problems, for the message.
        problems: all that is wrong.
    """

    def __init__(self, subject: str, problems: Sequence[ProblemLike]) -> None:
        self.problems = tuple(problems)
        """All that is wrong, in the order of the definition."""
        count = f"{len(self.problems)} problem{'s' * (len(self.problems) != 1)}"
        lines = [f"  {problem.location or '/'}: {problem.message} [{problem.code}]" for problem in problems]
        super().__init__("\n".join([f"{subject} has {count}:", *lines]))


class ServiceClosed(InvalidArgument):
    """The connection, or the local service, is not open, or not any more."""


class MissingExtra(AsfiniError, ImportError):
    """A feature needs a library that comes with an extra of asfini's.

    Args:
        feature: what needs it, for the message.
        extra: the extra's name.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra: python -m pip install 'asfini[{extra}]'")
        self.extra = extra
        """The extra's name."""


class TaskFailed(AsfiniError):
    """Raise it in an activity to fail the task with an error name that Retry and Catch can match.

    Args:
        error: the error's name, at most 256 characters; longer ones are cut.
        cause: what happened, for people, at most 32,768 characters; longer ones are cut.

    Raises:
        InvalidArgument: one of them is no text.
    """

    def __init__(self, error: str, cause: str = "") -> None:
        for what, text in (("error", error), ("cause", cause)):
            if not isinstance(text, str):
                raise InvalidArgument(f"a failure's {what} is text, not of type {type(text).__name__}")
        super().__init__(f"{error}: {cause}" if cause else error)
        self.error = error
        """The error's name."""
        self.cause = cause
        """What happened, for people."""


class TaskInputInvalid(AsfiniError, ValueError):
    """A task's input does not fit what the activity takes."""


class TaskOutputInvalid(AsfiniError, ValueError):
    """What an activity returned cannot be a task's output."""


class ExecutionOutputInvalid(AsfiniError, ValueError):
    """An execution's output does not fit the type that was asked for."""


class ExecutionError(AsfiniError):
    """An execution ended without success.

    Args:
        execution_arn: the execution's ARN.
        error: the error's name, if there is one.
        cause: what happened, for people, if it is told.
    """

    status: ClassVar[str]

    def __init__(self, execution_arn: str, error: str | None = None, cause: str | None = None) -> None:
        ending = self.status.lower().replace("_", " ")
        details = ": ".join(part for part in (error, cause) if part)
        super().__init__(f"execution {execution_arn} {ending}" + (f": {details}" if details else ""))
        self.execution_arn = execution_arn
        """The execution's ARN."""
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
    """Step Functions answered a call with an error.

    Args:
        message: what the service said.
        operation: the operation that was called, in snake case, if it is known.
        code: the error's code, where it is not the class's name.
    """

    def __init__(self, message: str = "", *, operation: str | None = None, code: str | None = None) -> None:
        self.operation = operation
        """The operation in snake case, such as `start_execution`."""
        self.code = code or type(self).__name__
        """AWS's code, such as `ExecutionAlreadyExists`."""
        self.message = message
        """What the service said."""
        super().__init__(f"{operation}: {self.code}: {message}" if operation else f"{self.code}: {message}")


class ConnectionFailed(ServiceError):
    """No answer came from the service, or none that can be understood."""


class Throttled(ServiceError):
    """The service asks to be called less often."""


class AccessDenied(ServiceError):
    """The caller may not do that."""


class CredentialsInvalid(AccessDenied):
    """Credentials cannot be had, have expired, or are not known to AWS: new ones may do."""


class DoesNotExist(ServiceError):
    """What the call names does not exist."""


class ActivityDoesNotExist(DoesNotExist):
    """No activity has this ARN."""


class ExecutionDoesNotExist(DoesNotExist):
    """No execution has this ARN, or not any more: AWS forgets executions 90 days after their end."""


class StateMachineDoesNotExist(DoesNotExist):
    """No state machine has this ARN."""


class TaskDoesNotExist(DoesNotExist):
    """No task has this token, or its execution has ended."""


class ResourceNotFound(DoesNotExist):
    """What tags, an alias or a map run is asked of does not exist."""


class AlreadyExists(ServiceError):
    """What the call would make exists already, and differs."""


class ActivityAlreadyExists(AlreadyExists):
    """An activity of this name exists with another encryption."""


class ExecutionAlreadyExists(AlreadyExists):
    """An execution of this name runs with another input, or ended within the last 90 days."""


class StateMachineAlreadyExists(AlreadyExists):
    """A state machine of this name exists with another definition or configuration."""


class LimitExceeded(ServiceError):
    """A quota of the account is used up."""


class ActivityLimitExceeded(LimitExceeded):
    """The account has as many activities as it may."""


class ActivityWorkerLimitExceeded(LimitExceeded):
    """As many polls are open for the activity as may be: 1,000."""


class ExecutionLimitExceeded(LimitExceeded):
    """The account has as many running executions as it may."""


class ServiceQuotaExceededException(LimitExceeded):
    """The account has as much of something as it may."""


class StateMachineLimitExceeded(LimitExceeded):
    """The account has as many state machines as it may."""


class TooManyTags(LimitExceeded):
    """A resource may have 50 tags."""


class InvalidRequest(ServiceError):
    """The call's parameters are not acceptable."""


class InvalidArn(InvalidRequest):
    """The ARN is none, or of another kind of resource."""


class InvalidDefinition(InvalidRequest):
    """The definition breaks the rules of the States Language."""


class InvalidEncryptionConfiguration(InvalidRequest):
    """The encryption configuration is not acceptable."""


class InvalidExecutionInput(InvalidRequest):
    """The execution's input is not JSON."""


class InvalidLoggingConfiguration(InvalidRequest):
    """The logging configuration is not acceptable."""


class InvalidName(InvalidRequest):
    """The name has characters that it must not have."""


class InvalidOutput(InvalidRequest):
    """The task's output is not JSON, or too large."""


class InvalidToken(InvalidRequest):
    """The token is none of those that the service gave."""


class InvalidTracingConfiguration(InvalidRequest):
    """The tracing configuration is not acceptable."""


class MissingRequiredParameter(InvalidRequest):
    """A parameter is missing that the others call for."""


class StateMachineTypeNotSupported(InvalidRequest):
    """The operation is not for machines of this type."""


class ValidationException(InvalidRequest):
    """A parameter breaks a rule of the API."""


class KmsError(ServiceError):
    """A key of the Key Management Service cannot be used."""


class KmsAccessDeniedException(KmsError):
    """The key may not be used by the caller or the role."""


class KmsInvalidStateException(KmsError):
    """The key is disabled, deleted, or otherwise not ready."""


class KmsThrottlingException(KmsError):
    """The key is used too often; try again later."""


class ConflictException(ServiceError):
    """Something else was changed at the same time, or refers to this."""


class ExecutionNotRedrivable(ServiceError):
    """The execution cannot be redriven: it succeeded, or ended too long ago."""


class StateMachineDeleting(ServiceError):
    """The state machine is being deleted, which lasts until its executions have ended."""


class TaskTimedOut(ServiceError):
    """The task is closed: it took too long, was completed before, or its execution has ended."""


_OTHER_CODES: dict[str, type[ServiceError]] = {
    "ThrottlingException": Throttled,
    "Throttling": Throttled,
    "TooManyRequestsException": Throttled,
    "RequestLimitExceeded": Throttled,
    "SlowDown": Throttled,
    "AccessDeniedException": AccessDenied,
    "AccessDenied": AccessDenied,
    "ExpiredToken": CredentialsInvalid,
    "ExpiredTokenException": CredentialsInvalid,
    "IncompleteSignature": CredentialsInvalid,
    "InvalidClientTokenId": CredentialsInvalid,
    "InvalidSignatureException": CredentialsInvalid,
    "MissingAuthenticationTokenException": CredentialsInvalid,
    "NotAuthorized": AccessDenied,
    "OptInRequired": AccessDenied,
    "RequestExpired": CredentialsInvalid,
    "SignatureDoesNotMatch": CredentialsInvalid,
    "UnrecognizedClientException": CredentialsInvalid,
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
    """Make the error for a code of AWS's; an unknown code makes a plain `ServiceError`.

    Args:
        code: AWS's code, such as `ExecutionDoesNotExist`.
        message: what the service said.
        operation: the operation that was called, in snake case.
    """
    kind = _BY_CODE.get(code, ServiceError)
    return kind(message, operation=operation, code=code)
