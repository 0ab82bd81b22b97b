"""Names of IAM's, held against the service models that botocore ships."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import botocore  # type: ignore[import-untyped]

from asfini.aws.shapes import service_name
from asfini.infrastructure._actions import actions_of, prefix_of

DATA = Path(botocore.__file__).parent / "data"
SIGNED_OTHERWISE = {
    "cloudcontrol": "cloudformation",
    "cloudwatch": "cloudwatch",
    "iotdataplane": "iot",
    "iotjobsdataplane": "iotjobsdata",
    "iotsecuretunneling": "iot",
    "mturk": "mechanicalturk",
    "partnercentralaccount": "partnercentral",
    "partnercentralbenefits": "partnercentral",
    "partnercentralchannel": "partnercentral",
    "partnercentralselling": "partnercentral",
    "resourcegroupstaggingapi": "tag",
    "sso": "sso",
}
"""Services whose actions are not called as their requests are signed: the Service Authorization Reference."""


def heads() -> Iterator[str]:
    """The beginnings of all models, which have their metadata."""
    for folder in sorted(each for each in DATA.iterdir() if each.is_dir()):
        for file in sorted(folder.glob("*/service-2.json*"))[-1:]:
            with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as model:
                yield model.read(4000).decode("utf-8", "replace")


def told(head: str, name: str) -> str | None:
    found = re.search(rf'"{name}"\s*:\s*"([^"]+)"', head)
    return found and found[1]


def test_services_have_the_prefixes_that_their_requests_are_signed_for() -> None:
    wrong, count = {}, 0
    for head in heads():
        service = service_name(told(head, "serviceId") or "").lower()
        signed = told(head, "signingName") or told(head, "endpointPrefix")
        count += 1
        if prefix_of(service) != SIGNED_OTHERWISE.get(service, signed):
            wrong[service] = (prefix_of(service), signed)
    assert wrong == {}
    assert count > 300


def test_actions_have_iams_names() -> None:
    assert actions_of("cloudwatchlogs", "createLogGroup") == "logs:CreateLogGroup"
    assert actions_of("bedrockruntime", "converse") == "bedrock:InvokeModel"
    assert actions_of("s3", "listObjectsV2") == "s3:ListBucket"
    assert actions_of("apigateway", "getRestApis") == "apigateway:GET"
    assert actions_of("apigatewayv2", "updateApi") == "apigateway:PATCH"
    assert actions_of("apigateway", "importRestApi").split() == [
        "apigateway:POST",
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PUT",
        "apigateway:PATCH",
    ]
