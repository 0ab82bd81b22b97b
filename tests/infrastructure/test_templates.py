"""Machines as resources of templates; what is written can be checked again."""

import json
from pathlib import Path
from typing import Any

import pytest

from asfini import (
    Activity,
    ActivityRegistration,
    InvalidArgument,
    Pass,
    StateMachine,
    Task,
    construct_state_machine,
)
from asfini.checking import check_file
from asfini.infrastructure import cloudformation_template, sam_resource


def machine(**options: Any) -> StateMachine:
    first = Pass("a", parameters={"text": "${Word} ${kept}"})
    first >> Task("b", Activity("pay")) >> Task("c", "${Charge}")
    return construct_state_machine("my-shop", first, **options)


def properties(shop: StateMachine, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = shop.to_cloudformation(**options)["Properties"]
    return found


def test_a_machine_is_a_resource_with_its_options() -> None:
    shop = machine(
        role="shop",
        type="STANDARD",
        tags={"team": "a"},
        tracing=True,
        logging={"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:l"}}]},
    )
    found = properties(shop)
    assert found["StateMachineName"] == "my-shop"
    assert found["RoleArn"] == {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/shop"}
    assert found["Tags"] == [{"Key": "team", "Value": "a"}]
    assert found["TracingConfiguration"] == {"Enabled": True}
    assert found["LoggingConfiguration"] == {
        "Level": "ALL",
        "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "arn:l"}}],
    }


def test_only_what_is_to_be_substituted_is() -> None:
    charge = {"Fn::GetAtt": ["Charge", "Arn"]}
    text, values = properties(machine(role="r"), substitutions={"Charge": charge})["DefinitionString"][
        "Fn::Sub"
    ]
    assert values == {"Charge": charge}
    assert '"Resource": "${Charge}"' in text
    assert "${!Word} ${!kept}" in text
    assert "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:activity:pay" in text


def test_a_definition_without_placeholders_is_plain_text() -> None:
    text = properties(construct_state_machine("m", Pass("a"), role="r"))["DefinitionString"]
    assert json.loads(text)["StartAt"] == "a"


def test_a_role_is_needed_and_may_be_a_function() -> None:
    with pytest.raises(InvalidArgument, match="'my-shop' needs a role"):
        machine().to_cloudformation()
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    assert properties(machine(), role=role)["RoleArn"] == role


def test_a_template_has_a_role_that_may_do_what_is_needed() -> None:
    shop = construct_state_machine(
        "my-shop", Task("a", "arn:aws:states:::lambda:invoke", parameters={"FunctionName": "f"})
    )
    resources = cloudformation_template(shop)["Resources"]
    (policy,) = resources["MyShopRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"]["Fn::Sub"].endswith(":function:f")
    assert resources["MyShop"]["Properties"]["RoleArn"] == {"Fn::GetAtt": ["MyShopRole", "Arn"]}
    assert cloudformation_template(machine(role="r"))["Resources"].keys() == {"MyShop"}


def test_a_template_makes_the_activities_that_are_named_before_the_machine() -> None:
    group = ActivityRegistration(prefix="my-")
    group.add_activity(Activity("my-pay"))
    first = cloudformation_template(machine(role="r"), group)["Resources"]
    assert first["MyPayActivity"] == {
        "Type": "AWS::StepFunctions::Activity",
        "Properties": {"Name": "my-pay"},
    }
    assert first["MyShop"]["DependsOn"] == ["MyPayActivity"]
    assert cloudformation_template(machine(), [Activity("pay")])["Resources"].keys() == {
        "PayActivity",
        "MyShopRole",
        "MyShop",
    }
    assert "DependsOn" not in cloudformation_template(machine())["Resources"]["MyShop"]


def test_activities_whose_names_have_the_same_letters_are_told_apart() -> None:
    activities = [Activity("my-pay"), Activity("mypay"), Activity("My.Pay")]
    resources = cloudformation_template(machine(role="r"), activities)["Resources"]
    assert [each["Properties"].get("Name") for each in resources.values()] == [
        "my-pay",
        "mypay",
        "My.Pay",
        None,
    ]
    assert resources["MyShop"]["DependsOn"] == [name for name in resources if name != "MyShop"]


def test_a_role_may_use_what_the_template_fills_in() -> None:
    substitutions = {"Charge": {"Fn::GetAtt": ["Charge", "Arn"]}, "Word": "w"}
    resources = cloudformation_template(machine(), substitutions=substitutions)["Resources"]
    (policy,) = resources["MyShopRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunction"],
        "Resource": {"Fn::GetAtt": ["Charge", "Arn"]},
    }
    table = Task("a", "dynamodb:getItem", parameters={"TableName": "t-${Stage.Name}", "Key": {}})
    shop = construct_state_machine("shop", table)
    stage = {"Ref": "Stage"}
    found = cloudformation_template(shop, substitutions={"Stage.Name": stage})["Resources"]
    (policy,) = found["ShopRole"]["Properties"]["Policies"]
    text, values = policy["PolicyDocument"]["Statement"][0]["Resource"]["Fn::Sub"]
    assert text.endswith(":table/t-${StageName}")
    assert values == {"StageName": stage}


def test_data_that_only_begins_like_a_function_is_filled_in_as_well() -> None:
    given = {"Reference": "arn:${AWS::Partition}:x"}
    first = Pass("a", parameters=given)
    found = sam_resource(construct_state_machine("m", first, role="r"))["Properties"]["Definition"]
    assert found["States"]["a"]["Parameters"] == {"Reference": {"Fn::Sub": "arn:${AWS::Partition}:x"}}


def test_other_placeholders_stay_text_for_sam_too() -> None:
    both = Pass("a", parameters={"text": "${AWS::Region} ${Word} ${kept}"})
    shop = construct_state_machine("m", both, role="r")
    found = sam_resource(shop, substitutions={"Word": {"Ref": "Word"}})["Properties"]["Definition"]
    text, values = found["States"]["a"]["Parameters"]["text"]["Fn::Sub"]
    assert text == "${AWS::Region} ${Word} ${!kept}"
    assert values == {"Word": {"Ref": "Word"}}
    assert "DefinitionSubstitutions" not in sam_resource(shop, substitutions={"Word": "w"})["Properties"]
    inside = Pass("a", parameters={"texts": ["${Word}"]})
    shop = construct_state_machine("m", inside, role="r")
    found = sam_resource(shop, substitutions={"Word": "w", "Other": "o"})["Properties"]
    assert found["DefinitionSubstitutions"] == {"Word": "w"}


def test_sam_does_not_leave_out_encryption_in_silence() -> None:
    encryption = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}
    with pytest.raises(InvalidArgument, match="SAM cannot encrypt state machine 'my-shop'"):
        sam_resource(machine(encryption=encryption))


def test_sam_makes_the_role_unless_there_is_one() -> None:
    task = Task("a", "arn:aws:states:::sns:publish", parameters={"TopicArn": "arn:aws:sns:a:1:t"})
    shop = construct_state_machine("shop", task)
    found = sam_resource(shop)["Properties"]
    assert found["Policies"][0]["Statement"][0]["Action"] == ["sns:Publish"]
    assert "Policies" not in sam_resource(machine(role="r"))["Properties"]


def test_accounts_are_filled_in_by_sam() -> None:
    states = sam_resource(machine())["Properties"]["Definition"]["States"]
    assert states["b"]["Resource"]["Fn::Sub"].endswith(":activity:pay")


def test_what_is_written_is_found_right_by_the_check(tmp_path: Path) -> None:
    shop = machine()
    substitutions = {"Charge": {"Ref": "Charge"}}
    template = cloudformation_template(shop, substitutions=substitutions)
    template["Resources"]["Sam"] = sam_resource(shop, substitutions=substitutions)
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template), encoding="utf-8")
    result = check_file(path)
    assert result.machines == 2
    assert [each for each in result.findings if each.severity == "ERROR"] == []
