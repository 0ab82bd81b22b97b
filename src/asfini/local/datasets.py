"""What distributed maps read their items from and write their results to: objects in a store.

On AWS the store is S3. Here it is a protocol of two methods, which functions given as handlers answer.
"""

import csv
import io
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from asfini import _json
from asfini.asl.map import ReaderConfig
from asfini.errors import InvalidArgument
from asfini.local.failures import Failure
from asfini.local.handlers import Call, Handlers, Raised, Target, ask, nobody
from asfini.local.run import written

MOST_BYTES = 1 << 28
"""The most bytes of a compressed object when it is unpacked: here all of it has to be held."""
_GZIP = 16 + zlib.MAX_WBITS


class StoreError(Exception):
    """An object cannot be read or written."""


class Store(Protocol):
    """Where objects are. What goes wrong there is raised as `StoreError`."""

    async def read(self, resource: str, parameters: Any, state: str) -> Any:
        """Read an object, or list some.

        Args:
            resource: the ARN of the integration: `arn:aws:states:::s3:getObject`, or `listObjectsV2`.
            parameters: its parameters: `{"Bucket": …, "Key": …}`.
            state: the name of the Map that reads.

        Returns:
            The object's content, as text, bytes or JSON data; for a list, `{"Contents": […]}` or the objects.
        """

    async def write(self, resource: str, parameters: Any, state: str) -> None:
        """Write an object.

        Args:
            resource: the ARN of the integration: `arn:aws:states:::s3:putObject`.
            parameters: `{"Bucket": …, "Key": …, "Body": text}`.
            state: the name of the Map that writes.
        """


class HandlerStore:
    """A store of which the handlers of `s3:getObject`, `s3:listObjectsV2` and `s3:putObject` tell.

    Args:
        handlers: the functions that stand in for resources.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    async def read(self, resource: str, parameters: Any, state: str) -> Any:
        """Ask the handler of the integration."""
        return await self._ask(resource, parameters, state)

    async def write(self, resource: str, parameters: Any, state: str) -> None:
        """Ask the handler of the integration."""
        await self._ask(resource, parameters, state)

    async def _ask(self, resource: str, parameters: Any, state: str) -> Any:
        target = Target.parse(resource)
        handler = self._handlers.find(Call(target, state, written(parameters)[0]))
        if handler is None:
            return await self._elsewhere(target, parameters)
        try:
            return await ask(handler)
        except Raised as raised:
            raise StoreError(str(raised.error) or type(raised.error).__name__) from raised.error

    async def _elsewhere(self, target: Target, _parameters: Any) -> Any:
        """Do what no handler does."""
        raise StoreError(nobody(target))


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a Map."""

    value: Any
    key: str | None = None
    """Its name, where the items are the members of an object."""


class Unreadable(Exception):  # noqa: N818 - a signal to the caller, who makes a failure of it
    """A data set cannot be read; the message is AWS's where it was seen."""


async def read(
    store: Store, resource: str, parameters: Any, config: ReaderConfig | None, state: str
) -> list[Item]:
    """Read the items that a Map's ItemReader tells of.

    Args:
        store: where they are.
        resource: the reader's integration.
        parameters: its parameters.
        config: what the data is.
        state: the name of the Map.

    Raises:
        StoreError: they cannot be read.
        Unreadable: they are not what they should be.
    """
    content = await store.read(resource, parameters, state)
    config = config or ReaderConfig()
    if not isinstance(parameters, dict):
        return items_of(content, config)
    bucket = parameters.get("Bucket")
    if config.manifest_type or config.input_type == "MANIFEST":
        files, config = _manifest(content, config, bucket)
    elif config.transformation == "LOAD_AND_FLATTEN":
        files = [(bucket, _member(entry.value, "Key")) for entry in _objects(content, config)]
    else:
        return items_of(content, config)
    items: list[Item] = []
    for place, key in files:
        where = resource.replace("listObjectsV2", "getObject")
        content = await store.read(where, {"Bucket": place, "Key": key}, state)
        items += items_of(content, config)
    return items


def _manifest(content: Any, config: ReaderConfig, bucket: Any) -> tuple[list[tuple[Any, str]], ReaderConfig]:
    """Read which objects a manifest names, and what they are.

    Athena's names data files, a line each; that of an S3 inventory names tables that list objects.
    """
    if config.manifest_type == "ATHENA_DATA":
        urls = [line.strip().removeprefix("s3://").partition("/") for line in _lines(content)]
        return [(bucket, key) for bucket, _, key in urls], config
    manifest = _parsed(_text(content))
    headers = [name.strip() for name in str(_member(manifest, "fileSchema")).split(",")]
    table = ReaderConfig(input_type="CSV", csv_header_location="GIVEN", csv_headers=headers)
    place = str(manifest.get("destinationBucket", bucket)).rpartition(":")[2]
    return [(place, _member(file, "key")) for file in _iterable(_member(manifest, "files"))], table


def items_of(content: Any, config: ReaderConfig | None) -> list[Item]:
    """Read the items of a data set.

    Args:
        content: what the store gave.
        config: what it is.

    Raises:
        Unreadable: it is not that.
    """
    config = config or ReaderConfig()
    kind = config.input_type or "OBJECTS"
    read = _READERS.get(kind)
    if read is None:
        known = ", ".join(sorted(_READERS.keys() - {"OBJECTS"}))
        raise Unreadable(f"data of the type {kind} cannot be read here, only {known} and lists of objects")
    return read(content, config)


def _text(content: Any) -> str:
    if isinstance(content, dict) and "Body" in content:
        content = content["Body"]
    if isinstance(content, bytes):
        text = _unpacked(content) if content.startswith(b"\x1f\x8b") else content
        return text.decode("utf-8-sig", "replace")
    if not isinstance(content, str):
        raise Unreadable(f"text is needed, not {type(content).__name__}")
    return content


def _unpacked(content: bytes) -> bytes:
    """Unpack what is compressed with gzip; it may be in several parts, one behind the other."""
    parts, left = [], MOST_BYTES
    try:
        while content:
            unpacker = zlib.decompressobj(_GZIP)
            parts.append(unpacker.decompress(content, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise Unreadable(f"the object has more than {MOST_BYTES:,} bytes when it is unpacked")
            if not unpacker.eof:
                raise Unreadable("the object cannot be unpacked: its end is missing")
            content = unpacker.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise Unreadable(f"the object cannot be unpacked: {error}") from None
    return b"".join(parts)


def _lines(content: Any) -> list[str]:
    """A text's lines that are not empty; only a line feed ends one, as text may have other separators."""
    return [line for line in _text(content).split("\n") if line.strip()]


def _objects(content: Any, _config: ReaderConfig) -> list[Item]:
    """Read a list of objects, as `listObjectsV2` gives it."""
    listed = content.get("Contents", []) if isinstance(content, dict) else content
    return [Item(entry) for entry in _iterable(listed)]


def _iterable(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable("Attempting to map over non-iterable node.")
    return value


def _json_items(content: Any, config: ReaderConfig) -> list[Item]:
    """Read a JSON array's items or a JSON object's members."""
    value = content
    if isinstance(content, (str, bytes)) or (isinstance(content, dict) and "Body" in content):
        value = _parsed(_text(content))
    for name in (config.items_pointer or "").split("/")[1:]:
        value = _member(value, name.replace("~1", "/").replace("~0", "~"))
    if isinstance(value, dict):
        return [Item(member, key) for key, member in value.items()]
    return [Item(entry) for entry in _iterable(value)]


def _member(value: Any, name: str) -> Any:
    try:
        return value[int(name)] if isinstance(value, list) else value[name]
    except (LookupError, TypeError, ValueError):
        raise Unreadable(f"ItemsPointer leads nowhere: there is no '{name}'") from None


def _parsed(text: str) -> Any:
    try:
        return _json.loads(text, "the object")
    except InvalidArgument as error:
        raise Unreadable(str(error)) from None


def _json_lines(content: Any, _config: ReaderConfig) -> list[Item]:
    return [Item(_parsed(line)) for line in _lines(content)]


_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def _csv_items(content: Any, config: ReaderConfig) -> list[Item]:
    """Read the rows of a table: fields beyond the headers are dropped, those that lack are empty."""
    delimiter = _DELIMITERS.get(config.csv_delimiter or "COMMA", ",")
    rows = _rows(_text(content), delimiter)
    headers = config.csv_headers if config.csv_header_location == "GIVEN" else (rows.pop(0) if rows else [])
    if len(set(headers or [])) < len(headers or []):
        raise Unreadable("CSV headers cannot contain duplicates.")
    return [Item(_row(headers or [], row)) for row in rows]


def _rows(text: str, delimiter: str) -> list[list[str]]:
    limit = csv.field_size_limit(len(text) + 1)  # the library's own, for all of the program, is 128 KB
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error as error:
        raise Unreadable(f"the object is no table: {error}") from None
    finally:
        csv.field_size_limit(limit)


def _row(headers: list[str], row: list[str]) -> dict[str, str]:
    return {header: row[index] if index < len(row) else "" for index, header in enumerate(headers)}


_READERS: dict[str, Callable[[Any, ReaderConfig], list[Item]]] = {
    "CSV": _csv_items,
    "JSON": _json_items,
    "JSONL": _json_lines,
    "OBJECTS": _objects,
}


def lines_or_array(records: list[Any], output_type: str | None) -> str:
    """Write results as the object that holds them: JSON, or JSON with a record a line."""
    if output_type == "JSONL":
        return "".join(f"{_json.dumps(record)}\n" for record in records)
    return json.dumps(records, ensure_ascii=False, separators=(",", ":"))


def writer_failure(reason: str) -> Failure:
    """The failure of a Map whose results cannot be written."""
    return Failure("States.ResultWriterFailed", reason)
