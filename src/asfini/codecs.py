"""Payloads in another form on their way: compressed, encrypted, or put elsewhere because they are large.

`Coded(service, codec)` is a service like any other. What a client starts executions with, and what its
workers report, goes through the codec; what executions, tasks and histories tell comes back through it.
"""

import base64
import logging
import sys
import zlib
from contextlib import suppress
from typing import Any, Protocol

from asfini import _json, _reports
from asfini.errors import InvalidArgument
from asfini.service import Service, ServiceWrapper

_logger = logging.getLogger(__name__)


class Codec(Protocol):
    """Gives texts another form, and takes it back."""

    async def encode(self, text: str) -> str:
        """Give a text another form.

        The same text should have the same form each time: a start that is tried again with the same name and
        another input is refused.

        Args:
            text: JSON text, as it is to be read.
        """
        ...

    async def decode(self, text: str) -> str:
        """Take back what `encode` did.

        Args:
            text: what `encode` gave.
        """
        ...


class Coded(ServiceWrapper):
    """A service whose executions get and give payloads in another form.

    A payload in another form is the JSON object `{"_coded": "…"}`. Machines hand it on as they do any data,
    and may put members into it: it is found again wherever it is, but states cannot look inside. What is in
    its own form stays as it is, so that others may start the same machines. Names and causes of failures are
    never changed.

    A task whose input cannot be decoded fails with `TaskInputInvalid`.

    Args:
        inner: the service that answers.
        codec: gives payloads another form.
        at_least: bytes; smaller payloads stay as they are.
        key: the member that marks what is in another form. Where one `Coded` is put around another, each
            needs its own.

    Raises:
        InvalidArgument: the codec is none, or the number or the key cannot be.
    """

    def __init__(self, inner: Service, codec: Codec, *, at_least: int = 0, key: str = "_coded") -> None:
        super().__init__(inner)
        for method in ("encode", "decode"):
            if not callable(getattr(codec, method, None)):
                raise InvalidArgument(f"a codec has the methods encode and decode, but {codec!r} has not")
        if not isinstance(at_least, int) or isinstance(at_least, bool) or at_least < 0:
            raise InvalidArgument(f"at_least is a number of bytes, not {at_least!r}")
        if not isinstance(key, str) or not key:
            raise InvalidArgument(f"key is the name of a member, not {key!r}")
        self.codec = codec
        self.max_payload = sys.maxsize
        self._at_least = at_least
        self._key = key

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Hand a call on, with its payload encoded, and decode what is answered.

        Raises:
            InvalidArgument: a payload is too large even when it is encoded.
            ServiceError: the service refused.
        """
        name = _ENCODED.get(operation)
        if name is not None and isinstance(parameters.get(name), str):
            parameters[name] = await self._encoded(parameters[name], name)
        answer = await self.inner.call(operation, **parameters)
        try:
            decoded: dict[str, Any] = await self._decoded(answer)
            return decoded
        except Exception as error:
            if operation != "get_activity_task":
                raise
            await self._fail(answer["taskToken"], error)
            return {}

    async def _fail(self, token: str, error: Exception) -> None:
        """Fail a task whose input nobody can read."""
        log = _reports.TaskLog(_logger, token)
        log.warning("its input cannot be decoded: %s", type(error).__name__)
        cause = f"the task's input cannot be decoded: {type(error).__name__}"
        with suppress(*_reports.REJECTIONS):
            await _reports.send(self.inner, token, _reports.failure("TaskInputInvalid", cause), log)

    async def _encoded(self, text: str, what: str) -> str:
        if _json.size(text, f"the {what}") >= self._at_least:
            text = _json.dumps({self._key: await self.codec.encode(text)}, f"the {what}")
        if (length := len(text)) > self.inner.max_payload:
            most = f"at most {self.inner.max_payload:,} are allowed"
            raise InvalidArgument(f"the {what} has {length:,} bytes when it is encoded, but {most}")
        return text

    async def _decoded(self, value: Any) -> Any:
        """An answer, in which payloads have their own form again."""
        if isinstance(value, list):
            return [await self._decoded(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: await self._text(part)
            if name in _DECODED and isinstance(part, str)
            else await self._decoded(part)
            for name, part in value.items()
        }

    async def _text(self, text: str) -> str:
        """A payload in its own form."""
        if f'"{self._key}"' not in text:
            return text
        return _json.dumps(await self._value(_json.loads(text, "a payload")), "a payload")

    async def _value(self, value: Any) -> Any:
        """JSON data, in which what is in another form has its own again."""
        if isinstance(value, list):
            return [await self._value(item) for item in value]
        if not isinstance(value, dict):
            return value
        coded = value.get(self._key)
        rest = {name: await self._value(part) for name, part in value.items() if name != self._key}
        if not isinstance(coded, str):
            return rest if self._key not in value else {**rest, self._key: await self._value(coded)}
        own = _json.loads(await self.codec.decode(coded), "a decoded payload")
        return {**own, **rest} if rest and isinstance(own, dict) else own


_ENCODED = {"send_task_success": "output", "start_execution": "input", "start_sync_execution": "input"}
"""The parameters with payloads."""
_DECODED = frozenset({"input", "output"})
"""The members of answers and events with payloads."""


class Gzip:
    """Compresses payloads: texts of many alike parts to a tenth of their size.

    Args:
        level: 1 is fast, 9 compresses most.
    """

    def __init__(self, level: int = 6) -> None:
        self.level = level
        """From 1, fast, to 9, small."""

    async def encode(self, text: str) -> str:
        """Compress a text.

        Args:
            text: JSON text.
        """
        return base64.b64encode(zlib.compress(text.encode(), self.level, wbits=31)).decode()

    async def decode(self, text: str) -> str:
        """Decompress a text.

        Args:
            text: what `encode` gave.
        """
        return zlib.decompress(base64.b64decode(text), wbits=31).decode()


__all__ = ["Codec", "Coded", "Gzip"]
