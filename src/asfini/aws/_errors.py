"""botocore's exceptions in asfini's terms. Imported only when something connects."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as boto  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from asfini.aws._http import BadAnswer, HttpError, NoConnection
from asfini.errors import (
    AccessDenied,
    AsfiniError,
    ConnectionFailed,
    CredentialsInvalid,
    InvalidArgument,
    ServiceError,
    Throttled,
    service_error,
)

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What botocore's parsers stumble with over an answer that is not the API's."""

_NO_CREDENTIALS = (
    "no credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run in a role"
)

_ROWS: tuple[tuple[Any, type[AsfiniError], str], ...] = (
    (boto.ConnectTimeoutError, ConnectionFailed, "{endpoint_url} took no connection in time"),
    (boto.ReadTimeoutError, ConnectionFailed, "{endpoint_url} did not answer in time"),
    (boto.SSLError, ConnectionFailed, "no secure connection to {endpoint_url}: {error}"),
    (boto.ProxyConnectionError, ConnectionFailed, "no connection to the proxy {proxy_url}: {error}"),
    (boto.ConnectionError, ConnectionFailed, "no connection to {endpoint_url}: {error}"),
    (boto.ConnectionClosedError, ConnectionFailed, "{endpoint_url} hung up before a whole answer had come"),
    (boto.HTTPClientError, ConnectionFailed, "the request to {endpoint_url} failed: {error}"),
    (boto.IncompleteReadError, ConnectionFailed, "{endpoint_url} gave half an answer: {itself}"),
    (boto.ChecksumError, ConnectionFailed, "the answer of {endpoint_url} came damaged: {itself}"),
    (TimeoutError, ConnectionFailed, "{endpoint_url} did not answer in time"),
    (NoConnection, ConnectionFailed, "no connection to {endpoint_url}: {itself}"),
    (BadAnswer, ConnectionFailed, "{endpoint_url} gave no sensible answer: {itself}"),
    (HttpError, ConnectionFailed, "{endpoint_url} hung up before a whole answer had come"),
    (boto.CapacityNotAvailableError, Throttled, "{itself}"),
    (boto.NoCredentialsError, CredentialsInvalid, _NO_CREDENTIALS),
    (boto.PartialCredentialsError, CredentialsInvalid, "{itself}"),
    (boto.CredentialRetrievalError, CredentialsInvalid, "{itself}"),
    (boto.MetadataRetrievalError, CredentialsInvalid, "{itself}"),
    (boto.NoAuthTokenError, CredentialsInvalid, "{itself}"),
    (boto.TokenRetrievalError, CredentialsInvalid, "{itself}"),
    (boto.SSOError, CredentialsInvalid, "{itself}"),
    (boto.RefreshWithMFAUnsupportedError, CredentialsInvalid, "{itself}"),
    (boto.BotoCoreError, InvalidArgument, "{itself}"),
    (
        (ResponseParserError, *_UNREADABLE),
        ConnectionFailed,
        "{endpoint_url} gave no sensible answer: {itself}",
    ),
)
"""What is raised, what it is here, and the words for it: the first row that fits."""

_BY_STATUS: dict[int, type[ServiceError]] = {401: AccessDenied, 403: AccessDenied, 429: Throttled}
"""What a refusal means whose code of AWS's is not known; from 500 on it is a `ConnectionFailed`."""

_MAX_QUOTED = 300
"""Characters of others' text in a message."""


@contextmanager
def translated(operation: str | None = None, endpoint: str | None = None) -> Iterator[None]:
    """Raise botocore's exceptions as asfini's errors.

    Args:
        operation: the operation that is called, in snake case.
        endpoint: where the request goes, for exceptions that do not say it.
    """
    try:
        yield
    except AsfiniError:
        raise
    except boto.ClientError as error:
        raise refusal(error.response, operation, endpoint or "AWS") from error
    except (
        boto.BotoCoreError,
        ResponseParserError,
        HttpError,
        TimeoutError,
        *_UNREADABLE,
    ) as error:
        raise _failure(error, operation, endpoint or "AWS") from error


def _failure(error: Any, operation: str | None, endpoint: str) -> AsfiniError:
    """The error for a call that got no answer, or none that makes sense."""
    kind, words = next((kind, words) for cause, kind, words in _ROWS if isinstance(error, cause))
    known = {"endpoint_url": endpoint, "proxy_url": "", "error": "", **getattr(error, "kwargs", {})}
    message = words.format(itself=_own_words(error), **known)
    if issubclass(kind, ServiceError):
        return kind(message, operation=operation)
    return kind(f"{operation}: {message}" if operation else message)


def _own_words(error: Exception) -> str:
    """An exception's text on one line. Parameters that are refused are in it: whole payloads must not be."""
    text = "; ".join(line.strip()[:_MAX_QUOTED] for line in str(error).splitlines()).replace(":;", ":")
    if isinstance(error, _UNREADABLE) and not isinstance(error, boto.BotoCoreError):
        return f"{type(error).__name__}: {text}"
    return text[:1].lower() + text[1:]


def refusal(response: Mapping[str, Any], operation: str | None, endpoint: str) -> ServiceError:
    """The error for an answer that says what is wrong.

    Args:
        response: the answer, as botocore's parsers give it.
        operation: the operation that was called.
        endpoint: where it was called.
    """
    details = response.get("Error", {})
    code, message = str(details.get("Code") or ""), str(details.get("Message") or "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if not code or code.isdigit():  # not the API's: a proxy's page, say
        message = f"{endpoint} answered with status {status}: {' '.join(message.split())[:_MAX_QUOTED]}"
        page = Throttled if status == 429 else ConnectionFailed
        return page(message, operation=operation, code=code)
    known = service_error(code, message, operation)
    if type(known) is not ServiceError:
        return known
    kind = ConnectionFailed if status >= 500 else _BY_STATUS.get(status, ServiceError)
    return kind(message, operation=operation, code=code)
