"""What becomes of the results of a distributed Map's children: the Map's output, or objects in a store."""

from typing import TYPE_CHECKING, Any

from asfini import _json
from asfini.asl.map import ResultWriter
from asfini.local import datasets
from asfini.local.dates import iso
from asfini.local.run import Run

if TYPE_CHECKING:
    from asfini.local.distributed import Distribution


async def results(distribution: "Distribution") -> Any:
    """What the Map gives: the outputs of the children that succeeded, or where ResultWriter put them."""
    runs = [run for run in distribution.map_run.children if run is not None]
    writer = distribution.state.result_writer
    if writer is None:
        return [_output(run) for run in runs if run.output is not None]
    config = writer.writer_config
    transformation = config.transformation if config is not None else None
    if writer.resource is None:
        return _transformed([run for run in runs if run.output is not None], transformation)
    return await _written(distribution, writer, runs, transformation)


def _output(run: Run) -> Any:
    return _json.loads(run.output or "null")


def _transformed(runs: list[Run], transformation: str | None) -> list[Any]:
    """Results as WriterConfig's Transformation shapes them: with metadata, bare, or lists laid open."""
    if transformation == "COMPACT":
        return [_output(run) for run in runs]
    if transformation == "FLATTEN":
        return [item for run in runs for item in _listed(_output(run))]
    return [run.told(str, iso) for run in runs]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


async def _written(
    distribution: "Distribution", writer: ResultWriter, runs: list[Run], transformation: str | None
) -> dict[str, Any]:
    """Write the results, one object for each status, and a manifest that lists them."""
    parameters = distribution.fill(writer, "ResultWriter")
    if not isinstance(parameters, dict) or not isinstance(parameters.get("Prefix", ""), str):
        raise datasets.writer_failure(f"a Bucket and perhaps a Prefix are needed, not {parameters!r}")
    arn = distribution.map_run.arn
    prefix = "/".join(
        part for part in (parameters.get("Prefix", "").rstrip("/"), arn.rpartition(":")[2]) if part
    )
    config = writer.writer_config
    output_type = config.output_type if config is not None else None
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status in files:
        some = [run for run in runs if (run.status if run.status in files else "FAILED") == status]
        if some:
            records = _transformed(some, transformation if status == "SUCCEEDED" else None)
            text = datasets.lines_or_array(records, output_type)
            key = f"{prefix}/{status}_0.{(output_type or 'JSON').lower()}"
            await _write(distribution, writer, parameters, key, text)
            files[status].append({"Key": key, "Size": _json.size(text)})
    manifest = {"DestinationBucket": parameters.get("Bucket"), "MapRunArn": arn, "ResultFiles": files}
    key = f"{prefix}/manifest.json"
    await _write(distribution, writer, parameters, key, _json.dumps(manifest))
    return {"MapRunArn": arn, "ResultWriterDetails": {"Bucket": parameters.get("Bucket"), "Key": key}}


async def _write(
    distribution: "Distribution", writer: ResultWriter, parameters: Any, key: str, text: str
) -> None:
    given = {name: value for name, value in parameters.items() if name != "Prefix"}
    store = distribution.frame.run.workshop.store
    try:
        await store.write(writer.resource or "", given | {"Key": key, "Body": text}, distribution.state.name)
    except datasets.StoreError as error:
        raise datasets.writer_failure(str(error)) from None
