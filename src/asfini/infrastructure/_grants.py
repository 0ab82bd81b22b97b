"""What integrations need to be allowed: the developer guide's "IAM policies for calling …" of each service.

Where the guide allows more than a call needs, this does not: resources of jobs by their kinds rather than
`*`, the buckets that Athena never makes.
"""

from dataclasses import dataclass
from typing import Literal

from asfini.infrastructure._actions import actions_of, prefix_of

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
    named_for: str = ""
    """The service that a role is made for."""


def _sync(actions: str, service: str = "", pattern: str = "*", field: str = "") -> Grant:
    return Grant(actions, service, pattern, field, only="sync")


def _rule(name: str) -> Grant:
    return _sync(RULE_ACTIONS, "events", f"rule/{name}")


def _role(service: str, field: str = "") -> Grant:
    return Grant("iam:PassRole", "iam", "role/{}", field, passed_to=service)


def _sagemaker(job: str, kind: str, rule: str) -> tuple[Grant, ...]:
    named = ("sagemaker", f"{kind}/{{}}", f"{job}Name")
    return (
        Grant(f"sagemaker:AddTags sagemaker:Create{job}", *named),
        Grant("sagemaker:ListTags"),
        _sync(f"sagemaker:Describe{job} sagemaker:Stop{job}", *named),
        _role("sagemaker.amazonaws.com", "RoleArn"),
        _rule(rule),
    )


def _linked_role(service: str, role: str) -> Grant:
    """Making the role that a service has of its own, which it does not have before its first use."""
    path = f"role/aws-service-role/{service}/{role}"
    return Grant("iam:CreateServiceLinkedRole", "iam", path, named_for=service)


def _serverless(action: str, watched: str, rule: str, resource: tuple[str, str, str]) -> tuple[Grant, ...]:
    """An action of EMR Serverless, and those that it is watched and undone by."""
    own = Grant(f"emr-serverless:{action}", *resource)
    return (own, _sync(watched, *resource), _rule(f"StepFunctionsGetEventsForEMRServerless{rule}Rule"))


_CLUSTER = ("elasticmapreduce", "cluster/{}", "ClusterId")
_VIRTUAL = ("emr-containers", "/virtualclusters/{}", "VirtualClusterId")
_PROJECT = ("codebuild", "project/{}", "ProjectName")
_PROJECTS = ("codebuild", "project/*")
_BATCH = "codebuild:BatchGetBuildBatches codebuild:StopBuildBatch"
_APPLICATION = ("emr-serverless", "/applications/{}", "ApplicationId")
_APPLICATIONS = ("emr-serverless", "/applications/*")
_CUSTOMIZING = ("bedrock", "model-customization-job/*")
_WORKGROUP = ("athena", "workgroup/{}", "WorkGroup")
_WORKGROUPS = ("athena", "workgroup/*")
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
        Grant("athena:StartQueryExecution", *_WORKGROUP),
        Grant("athena:GetDataCatalog", "athena", "datacatalog/*"),
        _sync(
            "athena:BatchGetQueryExecution athena:GetQueryExecution athena:GetQueryResults "
            "athena:GetWorkGroup athena:ListQueryExecutions athena:StopQueryExecution",
            *_WORKGROUP,
        ),
        Grant(_ATHENA_DATA, "s3"),
        Grant("lakeformation:GetDataAccess"),
    ),
    "athena:stopQueryExecution": (Grant("athena:StopQueryExecution", *_WORKGROUPS),),
    "batch:submitJob": (
        Grant("batch:SubmitJob"),
        _sync("batch:DescribeJobs batch:TerminateJob"),
        _rule("StepFunctionsGetEventsForBatchJobsRule"),
    ),
    "bedrock:createModelCustomizationJob": (
        Grant(
            "bedrock:CreateModelCustomizationJob", "bedrock:", "foundation-model/{}", "BaseModelIdentifier"
        ),
        Grant("bedrock:CreateModelCustomizationJob", "bedrock", "custom-model/*"),
        Grant("bedrock:CreateModelCustomizationJob", *_CUSTOMIZING),
        _sync("bedrock:GetModelCustomizationJob bedrock:StopModelCustomizationJob", *_CUSTOMIZING),
        Grant("iam:PassRole", "iam", "role/{}", "RoleArn"),
    ),
    "bedrockagentcore:invokeHarness": (
        Grant(
            "bedrock-agentcore:InvokeAgentRuntime bedrock-agentcore:InvokeHarness",
            "bedrock-agentcore",
            "harness/{}",
            "HarnessArn",
        ),
    ),
    "codebuild:batchDeleteBuilds": (Grant("codebuild:BatchDeleteBuilds", *_PROJECTS),),
    "codebuild:batchGetReports": (Grant("codebuild:BatchGetReports", "codebuild", "report-group/*"),),
    "codebuild:deleteBuildBatch": (Grant("codebuild:DeleteBuildBatch", *_PROJECTS),),
    "codebuild:retryBuildBatch": (
        Grant("codebuild:RetryBuildBatch", *_PROJECTS),
        _sync(_BATCH, *_PROJECTS),
    ),
    "codebuild:startBuild": (
        Grant("codebuild:StartBuild", *_PROJECT),
        _sync("codebuild:BatchGetBuilds codebuild:StopBuild", *_PROJECT),
        _rule("StepFunctionsGetEventForCodeBuildStartBuildRule"),
    ),
    "codebuild:startBuildBatch": (
        Grant("codebuild:StartBuildBatch", *_PROJECT),
        _sync(_BATCH, *_PROJECT),
        _rule("StepFunctionsGetEventForCodeBuildStartBuildBatchRule"),
    ),
    "codebuild:stopBuild": (Grant("codebuild:StopBuild", *_PROJECTS),),
    "codebuild:stopBuildBatch": (Grant("codebuild:StopBuildBatch", *_PROJECTS),),
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
    "eks:call": (),
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
    "eks:runJob": (),
    # The guide has no rules of EventBridge's for EMR; those of the CDK are allowed, too.
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
    "emr-containers:createVirtualCluster": (
        Grant("emr-containers:CreateVirtualCluster"),
        _linked_role("emr-containers.amazonaws.com", "AWSServiceRoleForAmazonEMRContainers"),
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
    "emr-serverless:cancelJobRun": _serverless(
        "CancelJobRun",
        "emr-serverless:GetJobRun",
        "Job",
        ("emr-serverless", "/applications/{}/jobruns/*", "ApplicationId"),
    ),
    "emr-serverless:createApplication": (
        Grant("emr-serverless:CreateApplication", "emr-serverless", "/*"),
        _sync("emr-serverless:DeleteApplication emr-serverless:GetApplication", *_APPLICATIONS),
        _rule("StepFunctionsGetEventsForEMRServerlessApplicationRule"),
        _linked_role("ops.emr-serverless.amazonaws.com", "AWSServiceRoleForAmazonEMRServerless*"),
    ),
    "emr-serverless:deleteApplication": _serverless(
        "DeleteApplication", "emr-serverless:GetApplication", "Application", _APPLICATION
    ),
    "emr-serverless:startApplication": _serverless(
        "StartApplication",
        "emr-serverless:GetApplication emr-serverless:StopApplication",
        "Application",
        _APPLICATION,
    ),
    "emr-serverless:startJobRun": (
        Grant("emr-serverless:StartJobRun", *_APPLICATION),
        _role("emr-serverless.amazonaws.com", "ExecutionRoleArn"),
        _sync(
            "emr-serverless:CancelJobRun emr-serverless:GetJobRun",
            "emr-serverless",
            "/applications/{}/jobruns/*",
            "ApplicationId",
        ),
        _rule("StepFunctionsGetEventsForEMRServerlessJobRule"),
    ),
    "emr-serverless:stopApplication": _serverless(
        "StopApplication", "emr-serverless:GetApplication", "Application", _APPLICATION
    ),
    "glue:startJobRun": (
        Grant("glue:StartJobRun"),
        _sync("glue:BatchStopJobRun glue:GetJobRun glue:GetJobRuns"),
    ),
    "mediaconvert:createJob": (
        Grant("mediaconvert:CreateJob", "mediaconvert", "jobTemplates/*"),
        Grant("mediaconvert:CreateJob", "mediaconvert", "presets/*"),
        Grant("mediaconvert:CreateJob", "mediaconvert", "queues/*"),
        _role("mediaconvert.amazonaws.com", "Role"),
        _sync("mediaconvert:CancelJob mediaconvert:GetJob", "mediaconvert", "jobs/*"),
        _rule("StepFunctionsGetEventsForMediaConvertJobRule"),
    ),
    # Of SageMaker, the guide has training and transforming; the others are like these, by the CDK's rules.
    "sagemaker:createHyperParameterTuningJob": _sagemaker(
        "HyperParameterTuningJob",
        "hyper-parameter-tuning-job",
        "StepFunctionsGetEventsForSageMakerTuningJobsRule",
    ),
    "sagemaker:createLabelingJob": _sagemaker("LabelingJob", "labeling-job", "StepFunctionsGetEvent*"),
    "sagemaker:createModel": (
        Grant("sagemaker:CreateModel", "sagemaker", "model/{}", "ModelName"),
        Grant("sagemaker:ListTags"),
        _role("sagemaker.amazonaws.com", "ExecutionRoleArn"),
    ),
    "sagemaker:createProcessingJob": _sagemaker(
        "ProcessingJob", "processing-job", "StepFunctionsGetEventsForSageMakerProcessingJobsRule"
    ),
    "sagemaker:createTrainingJob": _sagemaker(
        "TrainingJob", "training-job", "StepFunctionsGetEventsForSageMakerTrainingJobsRule"
    ),
    "sagemaker:createTransformJob": _sagemaker(
        "TransformJob", "transform-job", "StepFunctionsGetEventsForSageMakerTransformJobsRule"
    ),
    "states:startExecution": (
        Grant("states:StartExecution", "states", "stateMachine:{}", "StateMachineArn"),
        _sync("states:DescribeExecution states:StopExecution", "states", "execution:{}:*", "StateMachineArn"),
        _rule("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
    ),
}
"""By service and action, as in the resources of tasks. What `eks:call` may do is Kubernetes' own affair."""

LOGGING = Grant(
    "logs:CreateLogDelivery logs:CreateLogStream logs:DeleteLogDelivery logs:DescribeLogGroups "
    "logs:DescribeResourcePolicies logs:GetLogDelivery logs:ListLogDeliveries logs:PutLogEvents "
    "logs:PutResourcePolicy logs:UpdateLogDelivery"
)
"""What writing logs takes: the developer guide, "Logging using CloudWatch Logs"."""
TRACING = Grant(
    "xray:GetSamplingRules xray:GetSamplingTargets xray:PutTelemetryRecords xray:PutTraceSegments"
)
"""What traces take: the developer guide, "IAM policies for X-Ray"."""

SDK_RESOURCES: dict[str, tuple[str, str, str]] = {
    "s3:deleteObject": ("s3", "{}/*", "Bucket"),
    "s3:getObject": ("s3", "{}/*", "Bucket"),
    "s3:headObject": ("s3", "{}/*", "Bucket"),
    "s3:listObjects": ("s3", "{}", "Bucket"),
    "s3:listObjectsV2": ("s3", "{}", "Bucket"),
    "s3:putObject": ("s3", "{}/*", "Bucket"),
    "secretsmanager:getSecretValue": ("secretsmanager", "secret:{}*", "SecretId"),
    "ssm:getParameter": ("ssm", "parameter/{}", "Name"),
}
"""Resources of `aws-sdk` actions that a parameter names; those of others may be any."""


def sdk_grants(service: str, action: str) -> tuple[Grant, ...]:
    """What a call of any other action takes."""
    if optimized := GRANTS.get(f"{prefix_of(service)}:{action}"):
        return tuple(grant for grant in optimized if not grant.only)
    service_of, pattern, field = SDK_RESOURCES.get(f"{service}:{action}", ("", "*", ""))
    return (Grant(actions_of(service, action), service_of, pattern, field),)


def optimized_grants(service: str, action: str) -> tuple[Grant, ...]:
    """What an optimized integration takes; where it is not documented, the action and any rule."""
    documented = GRANTS.get(f"{service}:{action}")
    if documented is None:
        return (*sdk_grants(service, action), _sync(RULE_ACTIONS, "events", ANY_RULE))
    return documented
