"""States that hold definitions: Parallel, and Map with what reads, batches and writes its items."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PlainValidator

from asfini.asl._model import Json, Model
from asfini.asl.definition import TYPES, AnyDefinition, Definition, read_definition
from asfini.asl.states import CanFail, Catcher, HasResult, JsonataOrJson, Retrier, State


class Parallel(HasResult, CanFail):
    """Run branches at the same time; the result is the list of their outputs, in order."""

    type: Literal["Parallel"] = "Parallel"
    branches: list[AnyDefinition] | None = None
    """The branches: definitions, or machines, which need not be registered."""

    def add(self, branch: "Definition | State | Any") -> Self:
        """Add a branch, which gets the state's input.

        Args:
            branch: a definition, a machine (registered or not), or the first of some linked states.

        Returns:
            The state itself.
        """
        self.branches = [*(self.branches or []), read_definition(branch)]
        return self


class ProcessorConfig(Model):
    """How a Map runs its processor."""

    mode: str | None = None
    """`"INLINE"` (AWS's default) runs in the execution, `"DISTRIBUTED"` in child executions."""
    execution_type: str | None = None
    """The type of the child executions."""


class ItemProcessor(Definition):
    """What a Map does with each item."""

    processor_config: ProcessorConfig | None = None
    """How it is run; AWS's default is inline."""


def _read_processor(value: Any) -> Any:
    return read_definition(value, ItemProcessor)


if TYPE_CHECKING:
    AnyProcessor = Definition
else:
    AnyProcessor = Annotated[Any, PlainValidator(_read_processor)]


class ReaderConfig(Model):
    """The form of the data that a distributed Map reads."""

    input_type: str | None = None
    """`"CSV"`, `"JSON"`, `"JSONL"`, `"PARQUET"` or `"MANIFEST"`."""
    transformation: str | None = None
    """`"LOAD_AND_FLATTEN"` reads the objects that are listed, `"NONE"` only lists them."""
    manifest_type: str | None = None
    """What wrote the manifest: `"ATHENA_DATA"` or `"S3_INVENTORY"`."""
    csv_header_location: str | None = Field(default=None, serialization_alias="CSVHeaderLocation")
    """`"FIRST_ROW"` or `"GIVEN"`."""
    csv_headers: list[str] | None = Field(default=None, serialization_alias="CSVHeaders")
    """The columns' names, where `csv_header_location` is `"GIVEN"`."""
    csv_delimiter: str | None = Field(default=None, serialization_alias="CSVDelimiter")
    """`"COMMA"` (AWS's default), `"PIPE"`, `"SEMICOLON"`, `"SPACE"` or `"TAB"`."""
    max_items: int | str | None = None
    """How many items are read at most, up to 100,000,000."""
    max_items_path: str | None = None
    """The path of that number (JSONPath)."""
    items_pointer: str | None = None
    """Where the array is in a JSON file: `/shop/orders`."""


class ItemReader(Model):
    """Where a distributed Map gets its items."""

    resource: str | None = None
    """`"arn:aws:states:::s3:getObject"` or `"arn:aws:states:::s3:listObjectsV2"`."""
    reader_config: ReaderConfig | None = None
    """The form of the data."""
    parameters: Json = None
    """Where the data is (JSONPath): `{"Bucket": …, "Key": …}`."""
    arguments: JsonataOrJson = None
    """The same (JSONata)."""


class ItemBatcher(Model):
    """How a distributed Map groups items into batches."""

    max_items_per_batch: int | str | None = None
    """How many items a batch has at most."""
    max_items_per_batch_path: str | None = None
    """The path of that number (JSONPath)."""
    max_input_bytes_per_batch: int | str | None = None
    """How many bytes of JSON a batch has at most, up to 262,144."""
    max_input_bytes_per_batch_path: str | None = None
    """The path of that number (JSONPath)."""
    batch_input: Json = None
    """What every batch gets besides its items."""


class WriterConfig(Model):
    """The form in which a distributed Map writes results."""

    output_type: str | None = None
    """`"JSON"` or `"JSONL"`."""
    transformation: str | None = None
    """`"NONE"` tells all of each child, `"COMPACT"` its output, `"FLATTEN"` joins outputs that are lists."""


class ResultWriter(Model):
    """Where a distributed Map writes its results."""

    resource: str | None = None
    """`"arn:aws:states:::s3:putObject"`."""
    writer_config: WriterConfig | None = None
    """Their form."""
    parameters: Json = None
    """Where they go (JSONPath): `{"Bucket": …, "Prefix": …}`."""
    arguments: JsonataOrJson = None
    """The same (JSONata)."""


Number = int | float | str


class Map(HasResult, CanFail):
    """Do the same for every item of a list; the result is the list of the outputs, in order."""

    positional: ClassVar[tuple[str, ...]] = ("name", "item_processor")

    type: Literal["Map"] = "Map"
    item_processor: AnyProcessor | None = Field(default=None, kw_only=False)
    """What is done: a definition, a machine, or the first of some linked states."""
    iterator: AnyProcessor | None = None
    """`item_processor` under its old name."""
    items: JsonataOrJson = None
    """The items (JSONata)."""
    items_path: str | None = None
    """The path of the items (JSONPath); AWS's default is the whole input."""
    item_selector: Json = None
    """What each iteration gets, in place of the item."""
    item_reader: ItemReader | None = None
    """Where a distributed Map gets its items; else they are in its input."""
    item_batcher: ItemBatcher | None = None
    """How a distributed Map groups items; else each child gets one."""
    result_writer: ResultWriter | None = None
    """Where a distributed Map writes its results; else they are its result."""
    max_concurrency: int | str | None = None
    """How many iterations run at once; 0 (AWS's default) sets no limit of one's own."""
    max_concurrency_path: str | None = None
    """The path of that number (JSONPath)."""
    tolerated_failure_count: int | str | None = None
    """How many items may fail before a distributed Map does."""
    tolerated_failure_count_path: str | None = None
    """The path of that number (JSONPath)."""
    tolerated_failure_percentage: Number | None = None
    """Which percentage of the items may fail before a distributed Map does."""
    tolerated_failure_percentage_path: str | None = None
    """The path of that percentage (JSONPath)."""
    label: str | None = None
    """A short name for a distributed Map's runs, at most 40 characters."""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            item_processor: Any = None,
            *,
            comment: str | None = None,
            query_language: Literal["JSONPath", "JSONata"] | None = None,
            input_path: str | None = None,
            output_path: str | None = None,
            output: JsonataOrJson = None,
            next: State | str | None = None,
            end: bool | None = None,
            assign: dict[str, Any] | None = None,
            result_path: str | None = None,
            parameters: Any = None,
            result_selector: Any = None,
            arguments: JsonataOrJson = None,
            retriers: list[Retrier] | None = None,
            catchers: list[Catcher] | None = None,
            iterator: Any = None,
            items: JsonataOrJson = None,
            items_path: str | None = None,
            item_selector: Any = None,
            item_reader: ItemReader | None = None,
            item_batcher: ItemBatcher | None = None,
            result_writer: ResultWriter | None = None,
            max_concurrency: int | str | None = None,
            max_concurrency_path: str | None = None,
            tolerated_failure_count: int | str | None = None,
            tolerated_failure_count_path: str | None = None,
            tolerated_failure_percentage: float | str | None = None,
            tolerated_failure_percentage_path: str | None = None,
            label: str | None = None,
        ) -> None: ...


TYPES |= {"Parallel": Parallel, "Map": Map}
