"""Integrations whose resources depend on several parameters."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asfini.infrastructure._statements import Statement, allow, arn, is_arn, name_of

_Parameters = Mapping[str, Any]
_QUEUE = re.compile(r"https?://(?:sqs\.(\$\{[^}]*\}|[^./]+)\.)?[^/]*/([^/]+)/([^/]+)")
_ABROAD = re.compile(r"(?:apac|au|ca|eu|global|jp|us|us-gov)\.(.+)")
"""Inference profiles of Bedrock's, which choose a region: they are named like models, with an area before."""
_READING = re.compile(r"\s*(?:describe|explain|select|show|values|with)\b", re.IGNORECASE)
_TABLE_READS = (
    "glue:BatchGetPartition glue:GetDatabase glue:GetDatabases glue:GetPartition glue:GetPartitions "
    "glue:GetTable glue:GetTables"
)
_TABLE_WRITES = (
    "glue:BatchCreatePartition glue:BatchDeletePartition glue:BatchDeleteTable glue:CreateDatabase "
    "glue:CreatePartition glue:CreateTable glue:DeleteDatabase glue:DeletePartition glue:DeleteTable "
    "glue:UpdateDatabase glue:UpdatePartition glue:UpdateTable"
)


def _given(parameters: _Parameters, field: str) -> bool:
    return field in parameters or f"{field}.$" in parameters


def _of_function(parameters: _Parameters) -> Iterator[Statement]:
    name = name_of(parameters.get("FunctionName"))
    function = name if is_arn(name) else arn("lambda", f"function:{name.rpartition(':function:')[2]}")
    if _given(parameters, "Qualifier"):
        function = f"{function}:{name_of(parameters.get('Qualifier'))}"
    yield allow("lambda:InvokeFunction", function)


def _of_topic(parameters: _Parameters) -> Iterator[Statement]:
    if _given(parameters, "PhoneNumber") or _given(parameters, "TargetArn"):
        yield allow("sns:Publish", "*")
        return
    topic = name_of(parameters.get("TopicArn"))
    yield allow("sns:Publish", topic if is_arn(topic, "TopicArn") else arn("sns", topic))


def _of_queue(parameters: _Parameters) -> Iterator[Statement]:
    url = name_of(parameters.get("QueueUrl"))
    if found := _QUEUE.fullmatch(url):
        place = f"{found[1] or '${AWS::Region}'}:{found[2]}"
        yield allow("sqs:SendMessage", f"arn:${{AWS::Partition}}:sqs:{place}:{found[3]}")
    else:
        yield allow("sqs:SendMessage", arn("sqs", "*" if "$" in url or "/" in url else url))


def _of_table(action: str) -> Callable[[_Parameters], Iterator[Statement]]:
    def statements(parameters: _Parameters) -> Iterator[Statement]:
        name = name_of(parameters.get("TableName"))
        table = name if is_arn(name) else arn("dynamodb", f"table/{name}")
        index = [f"{table}/index/{name_of(parameters.get('IndexName'))}"]
        yield allow(action, table, *(index if _given(parameters, "IndexName") else []))

    return statements


def _of_query(parameters: _Parameters) -> Iterator[Statement]:
    """The tables of a query of Athena's; if it may do more than read, whatever it may do with them."""
    query = parameters.get("QueryString")
    reads = isinstance(query, str) and _READING.match(query) is not None
    tables = [arn("glue", each) for each in ("catalog", "database/*", "table/*", "userDefinedFunction/*")]
    yield allow(_TABLE_READS if reads else f"{_TABLE_READS} {_TABLE_WRITES}", *tables)


def _of_model(parameters: _Parameters) -> Iterator[Statement]:
    model = name_of(parameters.get("ModelId"))
    anywhere = "arn:${AWS::Partition}:bedrock:*::foundation-model/"
    if is_arn(model):
        models = [model, *([f"{anywhere}*"] if "inference-profile/" in model else [])]
    elif "*" in model or "${" in model:
        models = [f"{anywhere}*", arn("bedrock", "*")]
    elif abroad := _ABROAD.fullmatch(model):
        models = [arn("bedrock", f"inference-profile/{model}"), f"{anywhere}{abroad[1]}"]
    else:
        models = [arn("bedrock:", f"foundation-model/{model}")]
    yield allow("bedrock:InvokeModel", *models)


def _of_http(parameters: _Parameters) -> Iterator[Statement]:
    conditions: dict[str, Any] = {}
    method, endpoint = name_of(parameters.get("Method")), name_of(parameters.get("ApiEndpoint"))
    if "*" not in method:
        conditions["StringEquals"] = {"states:HTTPMethod": method}
    if endpoint != "*":
        conditions["StringLike"] = {"states:HTTPEndpoint": endpoint}
    yield allow("states:InvokeHTTPEndpoint", "*", **conditions)
    holder = parameters.get("Authentication", parameters.get("InvocationConfig"))
    connection = name_of(holder.get("ConnectionArn") if isinstance(holder, dict) else None)
    is_known = is_arn(connection, "ConnectionArn")
    yield allow(
        "events:RetrieveConnectionCredentials", connection if is_known else arn("events", "connection/*")
    )
    secrets = "secretsmanager:DescribeSecret secretsmanager:GetSecretValue"
    yield allow(secrets, arn("secretsmanager", "secret:events!connection/*"))


def _of_api(parameters: _Parameters) -> Iterator[Statement]:
    fields = ("ApiEndpoint", "Stage", "Method", "Path")
    endpoint, stage, method, path = (name_of(parameters.get(field)) for field in fields)
    resource = f"{endpoint.partition('.')[0]}/{stage}/{method}/{path.lstrip('/')}"
    yield allow("execute-api:Invoke", arn("execute-api", resource))


def _of_events(parameters: _Parameters) -> Iterator[Statement]:
    entries = parameters.get("Entries")
    if not isinstance(entries, list):
        yield allow("events:PutEvents", arn("events", "event-bus/*"))
        return
    for entry in entries:
        dynamic = not isinstance(entry, dict) or "EventBusName.$" in entry
        name = "*" if dynamic else name_of(entry.get("EventBusName", "default"))
        yield allow("events:PutEvents", name if is_arn(name) else arn("events", f"event-bus/{name}"))


SPECIAL: dict[str, Callable[[_Parameters], Iterator[Statement]]] = {
    "apigateway:invoke": _of_api,
    "athena:startQueryExecution": _of_query,
    "bedrock:converse": _of_model,
    "bedrock:invokeModel": _of_model,
    "dynamodb:query": _of_table("dynamodb:Query"),
    "dynamodb:scan": _of_table("dynamodb:Scan"),
    "events:putEvents": _of_events,
    "http:invoke": _of_http,
    "lambda:invoke": _of_function,
    "sns:publish": _of_topic,
    "sqs:sendMessage": _of_queue,
}
"""What calls take by service and action, in addition to grants, if they have any."""
