"""Parallel and Map: branches, processors, and what reads, batches and writes items."""

from typing import Any

import pytest

from asfini import (
    Definition,
    InvalidArgument,
    ItemBatcher,
    ItemProcessor,
    ItemReader,
    Map,
    Parallel,
    Pass,
    ProcessorConfig,
    ReaderConfig,
    ResultWriter,
    Succeed,
    WriterConfig,
    construct_state_machine,
)

INNER = {"StartAt": "in", "States": {"in": {"Type": "Succeed"}}}


def forms() -> list[Any]:
    """What a branch or a processor may be given as."""
    return [
        Succeed("in"),
        Definition("in", {"in": Succeed("in")}),
        construct_state_machine("inner", Succeed("in")),
        INNER,
    ]


class TestParallel:
    @pytest.mark.parametrize("branch", forms(), ids=["state", "definition", "machine", "json"])
    def test_a_branch_is_whatever_has_states(self, branch: Any) -> None:
        both = Parallel("both").add(branch)
        assert both.to_dict() == {"Type": "Parallel", "End": True, "Branches": [INNER]}
        assert Parallel("both", branches=[branch]) == both

    def test_branches_come_in_the_order_they_were_added(self) -> None:
        both = Parallel("both", branches=[])
        assert both.add(Succeed("a")).add(Succeed("b")) is both
        assert [branch.start_at for branch in both.branches or []] == ["a", "b"]

    @pytest.mark.parametrize("branch", [5, None, "a", ["a"]])
    def test_what_has_no_states_is_refused(self, branch: Any) -> None:
        both = Parallel("both")
        with pytest.raises(InvalidArgument, match="a definition, a machine or a state is needed"):
            both.add(branch)
        assert both.branches is None

    def test_a_branch_is_gathered_with_all_that_it_leads_to(self) -> None:
        first = Pass("1")
        first >> Pass("2") >> Succeed("3")
        [branch] = Parallel("both").add(first).branches or []
        assert [*branch.states] == ["1", "2", "3"]


class TestMap:
    @pytest.mark.parametrize("processor", forms(), ids=["state", "definition", "machine", "json"])
    def test_a_processor_is_whatever_has_states(self, processor: Any) -> None:
        each = Map("each", processor)
        assert each.to_dict() == {"Type": "Map", "End": True, "ItemProcessor": INNER}
        assert isinstance(each.item_processor, ItemProcessor)
        assert Map("each", item_processor=processor) == each

    def test_the_old_names_are_read_and_written(self) -> None:
        data = {"Type": "Map", "Iterator": INNER, "Parameters": {"a.$": "$"}, "End": True}
        each = Map.from_dict(data)
        assert each.to_dict() == data
        assert each.iterator is not None
        assert each.iterator.start_at == "in"

    def test_all_that_a_distributed_map_has(self) -> None:
        each = Map(
            "each",
            ItemProcessor(
                "in",
                {"in": Succeed("in")},
                processor_config=ProcessorConfig(mode="DISTRIBUTED", execution_type="EXPRESS"),
            ),
            item_reader=ItemReader(
                resource="arn:aws:states:::s3:getObject",
                reader_config=ReaderConfig(
                    input_type="CSV",
                    csv_header_location="GIVEN",
                    csv_headers=["a", "b"],
                    csv_delimiter="PIPE",
                    max_items=10,
                ),
                parameters={"Bucket": "b"},
            ),
            item_batcher=ItemBatcher(max_items_per_batch=5, batch_input={"x": 1}),
            item_selector={"v.$": "$$.Map.Item.Value"},
            result_writer=ResultWriter(
                resource="arn:aws:states:::s3:putObject",
                writer_config=WriterConfig(output_type="JSONL", transformation="FLATTEN"),
            ),
            max_concurrency=0,
            tolerated_failure_count=1,
            tolerated_failure_percentage=2.5,
            label="each",
        )
        written = each.to_dict()
        assert written["ItemProcessor"]["ProcessorConfig"] == {
            "Mode": "DISTRIBUTED",
            "ExecutionType": "EXPRESS",
        }
        assert written["ItemReader"]["ReaderConfig"] == {
            "InputType": "CSV",
            "CSVHeaderLocation": "GIVEN",
            "CSVHeaders": ["a", "b"],
            "CSVDelimiter": "PIPE",
            "MaxItems": 10,
        }
        assert written["ItemBatcher"] == {"MaxItemsPerBatch": 5, "BatchInput": {"x": 1}}
        assert written["ResultWriter"]["WriterConfig"] == {
            "OutputType": "JSONL",
            "Transformation": "FLATTEN",
        }
        assert written["ToleratedFailurePercentage"] == 2.5
        again = Map.from_dict(written)
        assert again.to_dict() == written
        assert again.item_reader is not None
        assert again.item_reader.reader_config is not None
        assert again.item_reader.reader_config.csv_headers == ["a", "b"]

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"max_concurrency": 1.5}, "Map 'each': max_concurrency"),
            ({"max_concurrency": True}, "Map 'each': max_concurrency"),
            ({"item_reader": 5}, "Map 'each': item_reader"),
            ({"item_processor": 5}, "Map 'each': item_processor"),
            ({"label": 5}, "Map 'each': label"),
        ],
    )
    def test_a_value_of_the_wrong_type_is_named(self, fields: Any, message: str) -> None:
        with pytest.raises(InvalidArgument, match=message):
            Map("each", **fields)

    def test_json_inside_has_the_languages_names(self) -> None:
        each = Map("each", Succeed("in"), item_reader={"Resource": "r", "New": 1})  # type: ignore[arg-type]
        assert each.item_reader == ItemReader.from_dict({"Resource": "r", "New": 1})
