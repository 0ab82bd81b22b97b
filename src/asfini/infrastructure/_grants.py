"""What integrations need to be allowed: the developer guide's IAM policies for integrated services."""

from dataclasses import dataclass
from typing import Any, Literal

RULE_ACTIONS = "events:DescribeRule events:PutRule events:PutTargets"
"""What waiting for jobs takes: Step Functions keeps a rule of EventBridge's that tells it of their ends."""
ANY_RULE = "rule/StepFunctionsGetEvent*"
"""The rules of jobs whose own one is not documented."""


@dataclass(frozen=True)
class Grant:
    """Actions on what a task's parameters name."""

    actions: str
    """Separated by blanks."""
    service: str = ""
    """The service in the resource's ARN; without one, the actions have no resources."""
    pattern: str = "*"
    """The rest of the ARN, in which `{}` stands for the field's value, or for `*` where it is not known."""
    field: str = ""
    """The parameter that names the resource, by name, ARN or URL."""
    only: Literal["", "sync"] = ""
    """Whether it is for tasks alone that wait for jobs."""
    passed_to: str = ""
    """The service that a role is passed to."""


def _sync(actions: str, service: str = "", pattern: str = "*", field: str = "") -> Grant:
    return Grant(actions, service, pattern, field, only="sync")


def _rule(name: str) -> Grant:
    return _sync(RULE_ACTIONS, "events", f"rule/{name}")


def _role(service: str, field: str = "") -> Grant:
    return Grant("iam:PassRole", "iam", "role/{}", field, passed_to=service)


def _sagemaker(job: str, kind: str, rule: str) -> tuple[Grant, ...]:
    name = f"{job}Name"
    return (
        Grant(f"sagemaker:Create{job}", "sagemaker", f"{kind}/{{}}", name),
        Grant("sagemaker:ListTags"),
        _sync(
            f"sagemaker:AddTags sagemaker:Describe{job} sagemaker:Stop{job}",
            "sagemaker",
            f"{kind}/{{}}",
            name,
        ),
        _role("sagemaker.amazonaws.com", "RoleArn"),
        _rule(rule),
    )


_CLUSTER = ("elasticmapreduce", "cluster/{}", "ClusterId")
_VIRTUAL = ("emr-containers", "/virtualclusters/{}", "VirtualClusterId")
_PROJECT = ("codebuild", "project/{}", "ProjectName")
_WORKGROUPS = ("athena", "workgroup/*")
_ATHENA_TABLES = (
    "glue:GetDatabase glue:GetDatabases glue:GetTable glue:GetTables glue:GetPartition glue:GetPartitions "
    "glue:BatchGetPartition"
)
_ATHENA_DATA = (
    "s3:AbortMultipartUpload s3:GetBucketLocation s3:GetObject s3:ListBucket s3:ListBucketMultipartUploads "
    "s3:ListMultipartUploadParts s3:PutObject"
)
GRANTS: dict[str, tuple[Grant, ...]] = {
    "athena:getQueryExecution": (Grant("athena:GetQueryExecution", *_WORKGROUPS),),
    "athena:getQueryResults": (
        Grant("athena:GetQueryResults", *_WORKGROUPS),
        Grant("s3:GetObject", "s3"),
    ),
    "athena:startQueryExecution": (
        Grant("athena:StartQueryExecution", "athena", "workgroup/{}", "WorkGroup"),
        Grant("athena:GetDataCatalog", "athena", "datacatalog/*"),
        _sync("athena:GetQueryExecution athena:StopQueryExecution", "athena", "workgroup/{}", "WorkGroup"),
        Grant(_ATHENA_DATA, "s3"),
        Grant(_ATHENA_TABLES, "glue", "*"),
        Grant("lakeformation:GetDataAccess"),
    ),
    "athena:stopQueryExecution": (Grant("athena:StopQueryExecution", *_WORKGROUPS),),
    "batch:submitJob": (
        Grant("batch:SubmitJob"),
        _sync("batch:DescribeJobs batch:TerminateJob"),
        _rule("StepFunctionsGetEventsForBatchJobsRule"),
    ),
    "bedrock:invokeModel": (Grant("bedrock:InvokeModel", "bedrock:", "foundation-model/{}", "ModelId"),),
    "codebuild:batchDeleteBuilds": (Grant("codebuild:BatchDeleteBuilds", "codebuild", "project/*"),),
    "codebuild:batchGetReports": (Grant("codebuild:BatchGetReports", "codebuild", "report-group/*"),),
    "codebuild:startBuild": (
        Grant("codebuild:StartBuild", *_PROJECT),
        _sync("codebuild:BatchGetBuilds codebuild:StopBuild", *_PROJECT),
        _rule("StepFunctionsGetEventForCodeBuildStartBuildRule"),
    ),
    "codebuild:stopBuild": (Grant("codebuild:StopBuild", "codebuild", "project/*"),),
    "databrew:startJobRun": (
        Grant("databrew:StartJobRun", "databrew", "job/{}", "Name"),
        _sync("databrew:ListJobRuns databrew:StopJobRun", "databrew", "job/{}", "Name"),
    ),
    "dynamodb:deleteItem": (Grant("dynamodb:DeleteItem", "dynamodb", "table/{}", "TableName"),),
    "dynamodb:getItem": (Grant("dynamodb:GetItem", "dynamodb", "table/{}", "TableName"),),
    "dynamodb:putItem": (Grant("dynamodb:PutItem", "dynamodb", "table/{}", "TableName"),),
    "dynamodb:updateItem": (Grant("dynamodb:UpdateItem", "dynamodb", "table/{}", "TableName"),),
    "ecs:runTask": (
        Grant("ecs:RunTask", "ecs", "task-definition/{}", "TaskDefinition"),
        _role("ecs-tasks.amazonaws.com"),
        _sync("ecs:DescribeTasks ecs:StopTask"),
        _rule("StepFunctionsGetEventsForECSTaskRule"),
    ),
    "eks:createCluster": (
        Grant("eks:CreateCluster"),
        _sync("eks:DeleteCluster eks:DescribeCluster", "eks", "cluster/{}", "Name"),
        _role("eks.amazonaws.com", "RoleArn"),
    ),
    "eks:createNodegroup": (
        Grant("ec2:DescribeSubnets eks:CreateNodegroup"),
        Grant("iam:GetRole iam:ListAttachedRolePolicies", "iam", "role/*"),
        _sync("eks:DeleteNodegroup eks:DescribeNodegroup", "eks", "nodegroup/*"),
        _role("eks.amazonaws.com", "NodeRole"),
    ),
    "eks:deleteCluster": (
        Grant("eks:DeleteCluster", "eks", "cluster/{}", "Name"),
        _sync("eks:DescribeCluster", "eks", "cluster/{}", "Name"),
    ),
    "eks:deleteNodegroup": (
        Grant("eks:DeleteNodegroup", "eks", "nodegroup/{}/*", "ClusterName"),
        _sync("eks:DescribeNodegroup", "eks", "nodegroup/{}/*", "ClusterName"),
    ),
    "elasticmapreduce:addStep": (
        Grant("elasticmapreduce:AddJobFlowSteps", *_CLUSTER),
        _sync("elasticmapreduce:CancelSteps elasticmapreduce:DescribeStep", *_CLUSTER),
        _rule("StepFunctionsGetEventForEMRAddJobFlowStepsRule"),
    ),
    "elasticmapreduce:cancelStep": (Grant("elasticmapreduce:CancelSteps", *_CLUSTER),),
    "elasticmapreduce:createCluster": (
        Grant("elasticmapreduce:RunJobFlow"),
        _sync("elasticmapreduce:DescribeCluster elasticmapreduce:TerminateJobFlows"),
        Grant("iam:PassRole", "iam", "role/{}", "ServiceRole"),
        Grant("iam:PassRole", "iam", "role/{}", "JobFlowRole"),
        _rule("StepFunctionsGetEventForEMRRunJobFlowRule"),
    ),
    "elasticmapreduce:modifyInstanceFleetByName": (
        Grant("elasticmapreduce:ListInstanceFleets elasticmapreduce:ModifyInstanceFleet", *_CLUSTER),
    ),
    "elasticmapreduce:modifyInstanceGroupByName": (
        Grant("elasticmapreduce:ListInstanceGroups elasticmapreduce:ModifyInstanceGroups", *_CLUSTER),
    ),
    "elasticmapreduce:setClusterTerminationProtection": (
        Grant("elasticmapreduce:SetTerminationProtection", *_CLUSTER),
    ),
    "elasticmapreduce:terminateCluster": (
        Grant("elasticmapreduce:TerminateJobFlows", *_CLUSTER),
        _sync("elasticmapreduce:DescribeCluster", *_CLUSTER),
        _rule("StepFunctionsGetEventForEMRTerminateJobFlowsRule"),
    ),
    "emr-containers:deleteVirtualCluster": (
        Grant("emr-containers:DeleteVirtualCluster", "emr-containers", "/virtualclusters/{}", "Id"),
        _sync("emr-containers:DescribeVirtualCluster", "emr-containers", "/virtualclusters/{}", "Id"),
    ),
    "emr-containers:startJobRun": (
        Grant("emr-containers:StartJobRun", *_VIRTUAL),
        _sync(
            "emr-containers:CancelJobRun emr-containers:DescribeJobRun",
            "emr-containers",
            "/virtualclusters/{}/jobruns/*",
            "VirtualClusterId",
        ),
    ),
    "glue:startJobRun": (
        Grant("glue:StartJobRun"),
        _sync("glue:BatchStopJobRun glue:GetJobRun glue:GetJobRuns"),
    ),
    "lambda:invoke": (Grant("lambda:InvokeFunction", "lambda", "function:{}", "FunctionName"),),
    "mediaconvert:createJob": (
        Grant("mediaconvert:CreateJob"),
        _role("mediaconvert.amazonaws.com", "Role"),
        _sync("mediaconvert:CancelJob mediaconvert:GetJob"),
        _rule("StepFunctionsGetEventsForMediaConvertJobRule"),
    ),
    "sagemaker:createTrainingJob": _sagemaker(
        "TrainingJob", "training-job", "StepFunctionsGetEventsForSageMakerTrainingJobsRule"
    ),
    "sagemaker:createTransformJob": _sagemaker(
        "TransformJob", "transform-job", "StepFunctionsGetEventsForSageMakerTransformJobsRule"
    ),
    "sns:publish": (Grant("sns:Publish", "sns", "{}", "TopicArn"),),
    "sqs:sendMessage": (Grant("sqs:SendMessage", "sqs", "{}", "QueueUrl"),),
    "states:startExecution": (
        Grant("states:StartExecution", "states", "stateMachine:{}", "StateMachineArn"),
        _sync("states:DescribeExecution states:StopExecution", "states", "execution:{}:*", "StateMachineArn"),
        _rule("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
    ),
}
"""By service and action, as in the resources of tasks."""

LOGGING = Grant(
    "logs:CreateLogDelivery logs:DeleteLogDelivery logs:DescribeLogGroups logs:DescribeResourcePolicies "
    "logs:GetLogDelivery logs:ListLogDeliveries logs:PutResourcePolicy logs:UpdateLogDelivery"
)
"""What writing logs takes: the developer guide, "Logging using CloudWatch Logs"."""
TRACING = Grant(
    "xray:GetSamplingRules xray:GetSamplingTargets xray:PutTelemetryRecords xray:PutTraceSegments"
)
"""What traces take: the developer guide, "IAM policies for X-Ray"."""

PREFIXES = {
    "apigatewayv2": "apigateway",
    "cloudwatchevents": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentity": "cognito-identity",
    "cognitoidentityprovider": "cognito-idp",
    "databasemigration": "dms",
    "docdb": "rds",
    "elasticloadbalancingv2": "elasticloadbalancing",
    "emr": "elasticmapreduce",
    "emrcontainers": "emr-containers",
    "emrserverless": "emr-serverless",
    "eventbridge": "events",
    "sesv2": "ses",
    "sfn": "states",
    "wafv2": "wafv2",
}
"""The prefixes of IAM's actions where they are not the names that `aws-sdk` resources have."""
SDK_GRANTS: dict[str, Grant] = {
    "dynamodb:query": Grant("dynamodb:Query", "dynamodb", "table/{}", "TableName"),
    "dynamodb:scan": Grant("dynamodb:Scan", "dynamodb", "table/{}", "TableName"),
    "lambda:invoke": Grant("lambda:InvokeFunction", "lambda", "function:{}", "FunctionName"),
    "s3:deleteObject": Grant("s3:DeleteObject", "s3", "{}/*", "Bucket"),
    "s3:getObject": Grant("s3:GetObject", "s3", "{}/*", "Bucket"),
    "s3:headObject": Grant("s3:GetObject", "s3", "{}/*", "Bucket"),
    "s3:listObjects": Grant("s3:ListBucket", "s3", "{}", "Bucket"),
    "s3:listObjectsV2": Grant("s3:ListBucket", "s3", "{}", "Bucket"),
    "s3:putObject": Grant("s3:PutObject", "s3", "{}/*", "Bucket"),
    "secretsmanager:getSecretValue": Grant(
        "secretsmanager:GetSecretValue", "secretsmanager", "secret:{}*", "SecretId"
    ),
    "ssm:getParameter": Grant("ssm:GetParameter", "ssm", "parameter/{}", "Name"),
}
"""Actions of `aws-sdk` whose names are not IAM's, or whose resources are named by a parameter."""


def sdk_grants(service: str, action: str) -> tuple[Grant, ...]:
    """What a call of any other action takes: by and large the action of the same name."""
    key = f"{service}:{action}"
    if key in GRANTS:
        return tuple(grant for grant in GRANTS[key] if not grant.only)
    if key in SDK_GRANTS:
        return (SDK_GRANTS[key],)
    return (Grant(f"{PREFIXES.get(service, service)}:{action[:1].upper()}{action[1:]}"),)


def optimized_grants(service: str, action: str) -> tuple[Grant, ...]:
    """What an optimized integration takes; where it is not documented, the action and any rule."""
    known = GRANTS.get(f"{service}:{action}")
    return known or (*sdk_grants(service, action), _sync(RULE_ACTIONS, "events", ANY_RULE))


def known(value: Any) -> bool:
    """Whether a parameter is the same in all executions."""
    return isinstance(value, str) and not value.startswith("{%")
