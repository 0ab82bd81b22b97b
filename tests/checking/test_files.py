"""What is found in files, and at which line and column."""

from itertools import pairwise
from pathlib import Path

import pytest

from asfini import InvalidArgument
from asfini.checking import FileResult, check_file

SAM = """\
Resources:
  Shop:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machines/shop.asl.json
      DefinitionSubstitutions:
        Seconds: {seconds}
        Charge: !GetAtt Charge.Arn
"""
WITH_PLACEHOLDERS = """\
{
  "StartAt": "rest",
  "States": {
    "rest": {"Type": "Wait", "Seconds": ${Seconds}, "Next": "charge"},
    "charge": {"Type": "Task", "Resource": "${Charge}", "End": true}
  }
}
"""


def check(path: Path, text: str, *, warnings: bool = True) -> FileResult:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return check_file(path, warnings=warnings)


def told(result: FileResult) -> list[tuple[str, int, str]]:
    """Each finding's rule, line and marked text."""
    return [
        (each.code, each.line, each.source[each.column - 1 : each.end_column - 1]) for each in result.findings
    ]


class TestDefinitions:
    def test_a_wrong_transition_is_marked(self, tmp_path: Path) -> None:
        states = '"a": {"Type": "Pass", "Next": "b"},\n  "c": {"Type": "Succeed"}'
        text = f'{{"StartAt": "a",\n "States": {{\n  {states}}}}}'
        assert told(check(tmp_path / "a.asl.json", text)) == [
            ("MISSING_TRANSITION_TARGET", 3, '"b"'),
            ("MISSING_TRANSITION_TARGET", 4, '"c"'),
        ]

    def test_yaml_is_marked_as_json_is(self, tmp_path: Path) -> None:
        text = "StartAt: a\nStates:\n  a:\n    Type: Pass\n    Next: b\n  c: {Type: Succeed}\n"
        assert told(check(tmp_path / "a.asl.yaml", text)) == [
            ("MISSING_TRANSITION_TARGET", 5, "b"),
            ("MISSING_TRANSITION_TARGET", 6, "c"),
        ]

    def test_a_field_that_is_not_known_is_marked_itself(self, tmp_path: Path) -> None:
        text = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "Emd": true,\n "End": true}}}'
        assert told(check(tmp_path / "a.asl.json", text)) == [("SCHEMA_VALIDATION_FAILED", 1, '"Emd"')]

    def test_items_of_arrays_and_names_with_brackets_and_slashes_are_found(self, tmp_path: Path) -> None:
        text = """\
{"StartAt": "a/b[0]", "States": {"a/b[0]": {"Type": "Choice", "Default": "end", "Choices": [
  {"Variable": "$.x", "IsPresent": true, "Next": "end"},
  {"Variable": "$.x", "IsPresent": true, "Next": "enf"}
]}, "end": {"Type": "Succeed"}}}"""
        assert told(check(tmp_path / "a.asl.json", text)) == [("MISSING_TRANSITION_TARGET", 3, '"enf"')]

    def test_an_error_of_json_has_its_line_and_is_told_without_the_source(self, tmp_path: Path) -> None:
        (finding,) = check(tmp_path / "a.asl.json", '{"StartAt": "a",\n "States": {]}').findings
        assert (finding.code, finding.line) == ("INVALID_JSON_DESCRIPTION", 2)
        assert "StartAt" not in finding.message

    def test_an_error_of_yaml_has_its_line(self, tmp_path: Path) -> None:
        (finding,) = check(tmp_path / "a.asl.yaml", "StartAt: a\nStates: {a: [}\n").findings
        assert (finding.code, finding.line) == ("UNREADABLE", 2)

    def test_what_is_not_text_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "a.asl.json").write_bytes(b"\xff\xfe{}")
        assert [each.code for each in check_file(tmp_path / "a.asl.json").findings] == ["UNREADABLE"]

    @pytest.mark.parametrize("text", ["[]", "3", "", "{}"])
    def test_what_is_called_a_definition_must_be_one(self, tmp_path: Path, text: str) -> None:
        result = check(tmp_path / "a.asl.json", text)
        assert result.machines == 1
        assert result.findings != []

    @pytest.mark.parametrize("text", ['{"a": 1}', '{"x": {"StartAt": 1}}', "// no JSON", '{"StartAt": "a"}'])
    def test_other_files_are_left_alone(self, tmp_path: Path, text: str) -> None:
        assert check(tmp_path / "a.json", text) == FileResult(str(tmp_path / "a.json"))

    def test_a_definition_is_known_by_what_it_has(self, tmp_path: Path) -> None:
        result = check(tmp_path / "a.json", '{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}')
        assert (result.machines, result.findings) == (1, [])

    def test_names_that_are_given_twice_are_told(self, tmp_path: Path) -> None:
        state = '"a": {"Type": "Succeed"}'
        result = check(tmp_path / "a.json", f'{{"StartAt": "a", "States": {{{state}, {state}}}}}')
        assert [each.code for each in result.findings] == ["DUPLICATE_STATE_NAME"]

    def test_warnings_are_told_on_request(self, tmp_path: Path) -> None:
        text = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "Parameters": {"x": "$.y"}, "End": true}}}'
        assert [each.severity for each in check(tmp_path / "a.json", text).findings] == ["WARNING"]
        assert check(tmp_path / "a.json", text, warnings=False).findings == []

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match=r"cannot read .*nothing\.asl\.json: No such file"):
            check_file(tmp_path / "nothing.asl.json")


class TestTemplates:
    def test_text_in_a_block_is_marked_in_its_own_line(self, tmp_path: Path) -> None:
        text = """\
Resources:
  Shop:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      DefinitionString: !Sub |
        {"StartAt": "a", "States": {
          "a": {"Type": "Task", "Resource": "${Charge.Arn}", "Next": "b"}, "c": {"Type": "Fail"}
        }}
"""
        result = check(tmp_path / "template.yaml", text)
        assert told(result) == [
            ("MISSING_TRANSITION_TARGET", 7, '"b"'),
            ("MISSING_TRANSITION_TARGET", 7, '"c"'),
        ]
        assert {each.machine for each in result.findings} == {"Shop"}

    @pytest.mark.parametrize(
        "definition",
        [
            '{"Fn::Sub": %s}',
            '{"Fn::Sub": [%s, {"Other": {"Ref": "Other"}}]}',
            '{"Fn::Join": ["", [%s, {"Ref": "Nothing"}]]}',
            "%s",
        ],
    )
    def test_text_of_json_is_found_whatever_makes_it(self, tmp_path: Path, definition: str) -> None:
        text = r'"{\"StartAt\": \"a\", \"States\": {\"a\": {\"Type\": \"Pass\"}}}"'
        if "Join" in definition:
            definition = definition.replace(
                "%s", r'"{\"StartAt\": \"", "a", "\", \"States\": {\"a\": {\"Type\": \"Pass\"}}}"'
            )
            definition = definition.replace(', {"Ref": "Nothing"}', "")
        else:
            definition = definition.replace("%s", text)
        properties = f'{{\n"DefinitionString": {definition}}}'
        resource = f'{{"Type": "AWS::StepFunctions::StateMachine", "Properties": {properties}}}'
        result = check(tmp_path / "template.json", f'{{"Resources": {{"Shop": {resource}}}}}')
        assert {(each.code, each.line) for each in result.findings} == {
            ("MISSING_END_STATE", 2),
            ("SCHEMA_VALIDATION_FAILED", 2),
        }

    def test_functions_in_a_definition_may_stand_for_any_value(self, tmp_path: Path) -> None:
        text = """\
Resources:
  Shop:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: a
        States:
          a: {Type: Wait, Seconds: !Ref Seconds, Next: b}
          b: {Type: Task, Resource: !If [Live, !GetAtt Live.Arn, !Sub "${Test.Arn}:1"], Next: c}
          c: {Type: Task, Resource: !Join [":", [arn, aws, lambda, !Ref R, "1", "function:f"]], End: true}
"""
        result = check(tmp_path / "template.yaml", text)
        assert (result.machines, result.findings) == (1, [])

    @pytest.mark.parametrize(
        ("resource", "property_name", "lines"),
        [
            ("AWS::Serverless::StateMachine", "Type", [9]),
            ("AWS::StepFunctions::StateMachine", "StateMachineType", [9]),
            ("AWS::StepFunctions::StateMachine", "Type", []),
        ],
    )
    def test_the_type_of_the_template_counts(
        self, tmp_path: Path, resource: str, property_name: str, lines: list[int]
    ) -> None:
        text = f"""\
Resources:
  Shop:
    Type: {resource}
    Properties:
      {property_name}: EXPRESS
      Definition:
        StartAt: a
        States:
          a: {{Type: Task, Resource: "arn:aws:states:eu-west-1:123456789012:activity:a", End: true}}
"""
        assert [each.line for each in check(tmp_path / "template.yaml", text).findings] == lines

    def test_a_file_is_checked_with_the_templates_substitutions(self, tmp_path: Path) -> None:
        check(tmp_path / "machines" / "shop.asl.json", WITH_PLACEHOLDERS)
        result = check(tmp_path / "template.yaml", SAM.format(seconds=5))
        assert (result.machines, result.findings) == (1, [])
        assert result.used == [tmp_path / "machines" / "shop.asl.json"]
        (finding,) = check(tmp_path / "template.yaml", SAM.format(seconds=-5)).findings
        assert (Path(finding.path).name, finding.line, finding.machine) == ("shop.asl.json", 4, "Shop")

    @pytest.mark.parametrize(("value", "errors"), [("true", 0), ("3", 0), ("yes, no", 1)])
    def test_substitutions_are_filled_in_as_text(self, tmp_path: Path, value: str, errors: int) -> None:
        text = f"""\
Resources:
  Shop:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: shop.asl.json
      DefinitionSubstitutions: {{Flag: {value!r}}}
"""
        given = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "Result": ${Flag}, "End": true}}}'
        check(tmp_path / "shop.asl.json", given)
        for form in (text, text.replace("'", "") if errors == 0 else text):
            assert len(check(tmp_path / "template.yaml", form).findings) == errors

    def test_a_function_that_is_not_right_may_be_anything(self, tmp_path: Path) -> None:
        text = """\
Resources:
  Shop:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: a
        States:
          a: {Type: Wait, Seconds: !If [Live, 5], Next: b}
          b: {Type: Task, Resource: !Join [":"], End: true}
"""
        assert check(tmp_path / "template.yaml", text).findings == []

    def test_placeholders_without_a_template_may_stand_for_any_value(self, tmp_path: Path) -> None:
        assert check(tmp_path / "shop.asl.json", WITH_PLACEHOLDERS).findings == []

    def test_substitutions_that_do_not_fit_are_told(self, tmp_path: Path) -> None:
        check(tmp_path / "machines" / "shop.asl.json", WITH_PLACEHOLDERS.replace("${Charge}", "${Chrage}"))
        assert told(check(tmp_path / "template.yaml", SAM.format(seconds=5))) == [
            ("MISSING_SUBSTITUTION", 6, "DefinitionSubstitutions"),
            ("UNUSED_SUBSTITUTION", 8, "Charge"),
        ]

    def test_a_definition_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        assert told(check(tmp_path / "template.yaml", SAM.format(seconds=5))) == [
            ("DEFINITION_NOT_FOUND", 5, "DefinitionUri")
        ]

    def test_a_definition_elsewhere_is_left_alone(self, tmp_path: Path) -> None:
        text = SAM.format(seconds=5).replace("machines/shop", "s3://bucket/shop")
        assert check(tmp_path / "template.yaml", text).findings == []

    def test_a_template_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        result = check(tmp_path / "template.yaml", f"{SAM}\n  : [")
        assert [each.code for each in result.findings] == ["UNREADABLE"]


class TestOddFiles:
    @pytest.mark.parametrize(("text", "value"), [("", "null"), ("5", "5"), ("- a", '["a"]')])
    def test_yaml_that_is_no_object_is_told(self, tmp_path: Path, text: str, value: str) -> None:
        (finding,) = check(tmp_path / "a.asl.yaml", text).findings
        assert finding.code == "UNREADABLE"
        assert finding.message == f"a definition is an object, not {value}"

    @pytest.mark.parametrize("text", ["[]", '"a"', "5", "null", ""])
    def test_json_that_is_no_object_is_told(self, tmp_path: Path, text: str) -> None:
        (finding,) = check(tmp_path / "a.asl.json", text).findings
        assert finding.severity == "ERROR"

    def test_several_documents_are_left_alone_unless_the_name_says_otherwise(self, tmp_path: Path) -> None:
        text = "kind: Job\n---\nStartAt: noon\n"
        assert check(tmp_path / "a.yaml", text).findings == []
        assert [each.code for each in check(tmp_path / "a.asl.yaml", text).findings] == ["UNREADABLE"]

    def test_aliases_do_not_take_forever(self, tmp_path: Path) -> None:
        names = "abcdefg"
        more = [f"{one}: &{one} [{', '.join([f'*{two}'] * 10)}]" for two, one in pairwise(names)]
        text = "\n".join(["a: &a [" + ", ".join("0123456789") + "]", *more, "StartAt: x", "States: {x: *g}"])
        (finding,) = check(tmp_path / "a.asl.yaml", text).findings
        assert finding.message == "its aliases stand for more than 1,000,000 values"
        text = "StartAt: a\nStates: &s\n  a: *s\n"
        (finding,) = check(tmp_path / "a.asl.yaml", text).findings
        assert finding.message == "nested too deeply, or in itself"


class TestComments:
    TEXT = (
        "StartAt: a\nStates:\n  a:\n    Type: Pass\n    Next: b{}\n  b:\n    Type: Fail\n    Nonsense: 1{}\n"
    )

    def test_a_comment_leaves_out_what_is_in_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "a.asl.yaml"
        assert len(check(path, self.TEXT.format("", "")).findings) == 1
        assert check(path, self.TEXT.format("", " # asfini: ignore")).findings == []
        assert (
            check(path, self.TEXT.format("", " # asfini: ignore NO_PATH, SCHEMA_VALIDATION_FAILED")).findings
            == []
        )
        assert len(check(path, self.TEXT.format("", " # asfini: ignore NO_PATH")).findings) == 1
        assert len(check(path, self.TEXT.format(" # asfini: ignore", "")).findings) == 1

    def test_a_comment_alone_leaves_out_what_is_in_the_next_line(self, tmp_path: Path) -> None:
        text = self.TEXT.format("", "").replace("    Nonsense", "    # asfini: ignore\n    Nonsense")
        assert check(tmp_path / "a.asl.yaml", text).findings == []

    def test_a_comment_may_be_for_the_whole_file(self, tmp_path: Path) -> None:
        text = f"# asfini: ignore-file SCHEMA_VALIDATION_FAILED\n{self.TEXT.format('', '')}"
        assert check(tmp_path / "a.asl.yaml", text).findings == []

    def test_in_json_a_states_comment_leaves_out_what_is_in_the_state(self, tmp_path: Path) -> None:
        text = '{"StartAt": "a", "States": {"a": {"Type": "Succeed", "Nonsense": 1%s}}}'
        path = tmp_path / "a.asl.json"
        assert len(check(path, text % "").findings) == 1
        assert (
            check(path, text % ', "Comment": "New. asfini: ignore SCHEMA_VALIDATION_FAILED"').findings == []
        )
        assert len(check(path, text % ', "Comment": "asfini: ignore NO_PATH"').findings) == 1
