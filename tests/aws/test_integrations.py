"""The names and shapes in which Step Functions calls other services, held against botocore's models."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import ServiceModel, Shape

from asfini._arns import Account
from asfini.aws.integrations import ServiceCaller, check_endpoint
from asfini.aws.shapes import FIRST, SECOND, native, service_name, told
from asfini.errors import InvalidArgument

ACCOUNT = Account("aws", "us-east-1", "123456789012")


def model(data: Any, service: str) -> ServiceModel:
    return ServiceModel(data.load_service_model(service, "service-2"), service)


def input_of(data: Any, service: str, operation: str) -> Shape:
    shape = model(data, service).operation_model(operation).input_shape
    assert shape is not None
    return shape


class TestNames:
    def test_each_service_is_found_by_the_name_in_definitions(self, data: Any) -> None:
        services = data.list_available_services("service-2")
        ids = {name: data.load_service_model(name, "service-2")["metadata"]["serviceId"] for name in services}
        found = ServiceCaller("http://127.0.0.1:1", ACCOUNT)._services
        for service_id in ids.values():
            assert ids[found[service_name(service_id).lower()]] == service_id

    @pytest.mark.parametrize(
        ("service_id", "name"),
        [
            ("ACM PCA", "AcmPca"),
            ("Config Service", "Config"),
            ("DynamoDB", "DynamoDb"),
            ("EventBridge", "EventBridge"),
            ("IoT", "Iot"),
            ("S3", "S3"),
            ("SESv2", "SesV2"),
            ("SFN", "Sfn"),
            ("Secrets Manager", "SecretsManager"),
        ],
    )
    def test_services_in_errors(self, service_id: str, name: str) -> None:
        assert service_name(service_id) == name

    @pytest.mark.parametrize(
        ("member", "first", "second"),
        [
            ("ARN", "ARN", "Arn"),
            ("BOOL", "BOOL", "Bool"),
            ("ChecksumCRC32", "ChecksumCRC32", "ChecksumCRC32"),
            ("DBInstanceIdentifier", "DBInstanceIdentifier", "DbInstanceIdentifier"),
            ("ETag", "ETag", "ETag"),
            ("MD5OfMessageBody", "MD5OfMessageBody", "Md5OfMessageBody"),
            ("NULL", "NULL", "Nul"),
            ("S", "S", "S"),
            ("taskArn", "TaskArn", "TaskArn"),
        ],
    )
    def test_members_in_optimized_integrations_and_in_the_sdks(
        self, member: str, first: str, second: str
    ) -> None:
        assert (FIRST.member(member), SECOND.member(member)) == (first, second)

    @pytest.mark.parametrize(
        ("error", "first", "second"),
        [
            ("DBInstanceNotFoundFault", "DBInstanceNotFoundException", "DbInstanceNotFoundException"),
            ("NoSuchKey", "NoSuchKeyException", "NoSuchKeyException"),
            ("ThrottlingException", "ThrottlingException", "ThrottlingException"),
        ],
    )
    def test_errors(self, error: str, first: str, second: str) -> None:
        assert (FIRST.exception(error), SECOND.exception(error)) == (first, second)

    @pytest.mark.parametrize("style", [FIRST, SECOND])
    def test_no_two_members_of_an_object_get_one_name(self, data: Any, style: Any) -> None:
        for service in ("dynamodb", "ec2", "ecs", "lambda", "rds", "s3", "secretsmanager", "sns", "sqs"):
            described = model(data, service)
            for name in described.shape_names:
                members = getattr(described.shape_for(name), "members", {})
                assert len({style.member(member) for member in members}) == len(members), name


class TestParameters:
    @pytest.mark.parametrize(
        ("service", "operation", "given", "expected"),
        [
            ("ecs", "CreateCluster", {"ClusterName": "c"}, {"clusterName": "c"}),
            (
                "ecs",
                "RunTask",
                {"TaskDefinition": "t", "Count": "2", "Tags": [{"Key": "k"}]},
                {"taskDefinition": "t", "count": 2, "tags": [{"key": "k"}]},
            ),
            ("sqs", "ListQueues", {"MaxResults": None}, {}),
            (
                "s3",
                "PutObject",
                {"Bucket": "b", "Key": "k", "Body": [1]},
                {"Bucket": "b", "Key": "k", "Body": b"[1]"},
            ),
            (
                "dynamodb",
                "GetItem",
                {"TableName": "t", "Key": {"n": {"N": 5}}, "ConsistentRead": "true"},
                {"TableName": "t", "Key": {"n": {"N": "5"}}, "ConsistentRead": True},
            ),
            (
                "cloudwatch",
                "GetMetricStatistics",
                {
                    "Namespace": "n",
                    "MetricName": "m",
                    "StartTime": "2026-01-01T00:00:00Z",
                    "EndTime": 0,
                    "Period": 60.0,
                },
                {
                    "Namespace": "n",
                    "MetricName": "m",
                    "StartTime": datetime(2026, 1, 1, tzinfo=UTC),
                    "EndTime": datetime(1970, 1, 1, tzinfo=UTC),
                    "Period": 60,
                },
            ),
        ],
    )
    def test_botocores_are_made_of_a_tasks(
        self, data: Any, service: str, operation: str, given: Any, expected: Any
    ) -> None:
        faults: list[str] = []
        assert native(input_of(data, service, operation), given, faults, SECOND) == expected
        assert faults == []

    @pytest.mark.parametrize(
        ("service", "operation", "given", "fault"),
        [
            ("sqs", "SendMessage", {"MessageBody": "b"}, "The field 'QueueUrl' is required but was missing"),
            (
                "ecs",
                "CreateCluster",
                {"clusterName": "c"},
                "The field 'clusterName' is not supported by Step Functions",
            ),
            (
                "rds",
                "StopDBInstance",
                {"DBInstanceIdentifier": "d"},
                "The field 'DBInstanceIdentifier' is not",
            ),
            (
                "ecs",
                "RunTask",
                {"TaskDefinition": "t", "Count": 1.5},
                "The value of the field 'Count' has an",
            ),
            (
                "ecs",
                "RunTask",
                {"TaskDefinition": "t", "Count": True},
                "The value of the field 'Count' has an",
            ),
            ("ecs", "RunTask", {"TaskDefinition": "t", "Tags": {}}, "The value of the field 'Tags' has an"),
            (
                "dynamodb",
                "GetItem",
                {"TableName": "t", "Key": "k"},
                "The value of the field 'Key' has an invalid",
            ),
            (
                "dynamodb",
                "GetItem",
                {"TableName": "t", "Key": {}, "ConsistentRead": "maybe"},
                "The value of the field 'ConsistentRead' has an invalid format",
            ),
            ("logs", "FilterLogEvents", [], "The value of the field 'Parameters' has an invalid format"),
        ],
    )
    def test_what_does_not_suit_is_named(
        self, data: Any, service: str, operation: str, given: Any, fault: str
    ) -> None:
        faults: list[str] = []
        native(input_of(data, service, operation), given, faults, SECOND)
        assert any(found.startswith(fault) for found in faults), faults

    def test_tokens_against_repetition_need_not_be_given(self, data: Any) -> None:
        faults: list[str] = []
        given = {"VirtualClusterId": "v"}
        native(input_of(data, "emr-containers", "StartJobRun"), given, faults, FIRST)
        assert faults == []


class TestResults:
    @pytest.mark.parametrize(
        ("style", "date"), [(FIRST, 1_767_225_600_250), (SECOND, "2026-01-01T00:00:00.250Z")]
    )
    def test_members_are_sorted_and_dates_told(self, data: Any, style: Any, date: Any) -> None:
        shape = model(data, "ecs").operation_model("DescribeTasks").output_shape
        answer = {"tasks": [{"taskArn": "t", "createdAt": datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC)}]}
        assert told(shape, answer, style) == {"Tasks": [{"CreatedAt": date, "TaskArn": "t"}]}

    def test_names_that_are_data_stay_as_they_are(self, data: Any) -> None:
        shape = model(data, "dynamodb").operation_model("GetItem").output_shape
        answer = {"Item": {"paid": {"BOOL": True}, "BOOL": {"NULL": True}}}
        assert told(shape, answer, SECOND) == {"Item": {"paid": {"Bool": True}, "BOOL": {"Nul": True}}}
        assert told(shape, answer, FIRST) == answer


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000", "https://localhost.localstack.cloud:4566", "aws"])
def test_endpoints_that_may_be_called(url: str) -> None:
    check_endpoint(url)


@pytest.mark.parametrize(
    "url", ["https://sqs.us-east-1.amazonaws.com", "https://sqs.cn-north-1.amazonaws.com.cn"]
)
def test_aws_itself_must_be_named(url: str) -> None:
    with pytest.raises(InvalidArgument, match='aws_endpoint="aws"'):
        check_endpoint(url)
