"""Jobs that tasks wait for with `.sync`: how to ask whether one has ended, and how to stop it.

The developer guide's page of each optimized integration names the jobs; the statuses are those of the
services' APIs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Template = Mapping[str, Any]
"""Parameters: texts are paths into the task's parameters and the first answer, `=text` is text itself."""


@dataclass(frozen=True, slots=True)
class Job:
    """How a job is followed."""

    describe: str
    """The action that tells how it stands, where it is not the starting service's: `service:action`."""
    parameters: Template
    status: str
    """Where the description has the status."""
    succeeded: str
    """All statuses with which it has succeeded, separated by blanks."""
    failed: str
    result: str = ""
    """What of the description is the task's result: a path, by default all."""
    name: str = ""
    """The name of that within the result, where it has one there."""
    stop: tuple[str, Template] | None = None
    """The action that stops it, with its parameters; some jobs cannot be stopped."""
    is_good: Callable[[Any], bool] = lambda result: True
    """Whether a result with such a status is indeed one."""
    tells_start: bool = False
    """Whether the result has what the first answer told, too."""
    ends_gone: bool = False
    """Whether it has succeeded when there is nothing to describe any more."""


def look_up(path: str, data: Any) -> Any:
    """What a path of names and indexes leads to, or `None`."""
    for part in filter(None, path.split(".")):
        if isinstance(data, list):
            data = data[int(part)] if part.isdigit() and int(part) < len(data) else None
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def filled(template: Template, data: Any) -> dict[str, Any]:
    """Fill a template of parameters in; what leads nowhere is left out."""
    values = {name: _value(part, data) for name, part in template.items()}
    return {name: value for name, value in values.items() if value is not None}


def _value(part: Any, data: Any) -> Any:
    if isinstance(part, list):
        return [_value(item, data) for item in part]
    return part[1:] if part.startswith("=") else look_up(part, data)


def _exited_well(task: Any) -> bool:
    """Whether all containers of a stopped ECS task ended well."""
    containers = task.get("Containers") or []
    return task.get("StopCode") != "TaskFailedToStart" and not any(
        each.get("ExitCode") for each in containers
    )


def _sagemaker(kind: str) -> Job:
    name = {f"{kind}Name": f"{kind}Name"}
    return Job(
        f"describe{kind}", name, f"{kind}Status", "Completed", "Failed Stopped", stop=(f"stop{kind}", name)
    )


def _eks(kind: str, what: Template, *, gone: bool) -> Job:
    good = ("", "DELETE_FAILED") if gone else ("ACTIVE", "CREATE_FAILED")
    return Job(f"describe{kind}", what, f"{kind}.Status", *good, ends_gone=gone)


def _emr_application(status: str, failed: str = "TERMINATED") -> Job:
    what = {"ApplicationId": "ApplicationId"}
    return Job("getApplication", what, "Application.State", status, failed, "Application")


_QUERY = {"QueryExecutionId": "QueryExecutionId"}
_STEP = {"ClusterId": "ClusterId", "StepId": "StepId"}
_CLUSTER = {"ClusterId": "ClusterId"}
_EKS_CLUSTER = {"Name": "Name"}
_EKS_GROUP = {"ClusterName": "ClusterName", "NodegroupName": "NodegroupName"}
_EKS_PROFILE = {"ClusterName": "ClusterName", "FargateProfileName": "FargateProfileName"}
_EMR_RUN = {"ApplicationId": "ApplicationId", "JobRunId": "JobRunId"}
_VIRTUAL_RUN = {"VirtualClusterId": "VirtualClusterId", "Id": "Id"}

JOBS: dict[str, Job] = {
    "athena:startQueryExecution": Job(
        "getQueryExecution",
        _QUERY,
        "QueryExecution.Status.State",
        "SUCCEEDED",
        "FAILED CANCELLED",
        stop=("stopQueryExecution", _QUERY),
    ),
    "batch:submitJob": Job(
        "describeJobs",
        {"Jobs": ["JobId"]},
        "Jobs.0.Status",
        "SUCCEEDED",
        "FAILED",
        "Jobs.0",
        stop=("terminateJob", {"JobId": "JobId", "Reason": "=The execution was stopped"}),
    ),
    "bedrock:createModelCustomizationJob": Job(
        "getModelCustomizationJob",
        {"JobIdentifier": "JobArn"},
        "Status",
        "Completed",
        "Failed Stopped",
        stop=("stopModelCustomizationJob", {"JobIdentifier": "JobArn"}),
    ),
    "codebuild:startBuild": Job(
        "batchGetBuilds",
        {"Ids": ["Build.Id"]},
        "Builds.0.BuildStatus",
        "SUCCEEDED",
        "FAILED FAULT STOPPED TIMED_OUT",
        "Builds.0",
        "Build",
        ("stopBuild", {"Id": "Build.Id"}),
    ),
    "codebuild:startBuildBatch": Job(
        "batchGetBuildBatches",
        {"Ids": ["BuildBatch.Id"]},
        "BuildBatches.0.BuildBatchStatus",
        "SUCCEEDED",
        "FAILED FAULT STOPPED TIMED_OUT",
        "BuildBatches.0",
        "BuildBatch",
        ("stopBuildBatch", {"Id": "BuildBatch.Id"}),
    ),
    "databrew:startJobRun": Job(
        "describeJobRun",
        {"Name": "Name", "RunId": "RunId"},
        "State",
        "SUCCEEDED",
        "FAILED STOPPED TIMEOUT",
        stop=("stopJobRun", {"Name": "Name", "RunId": "RunId"}),
    ),
    "ecs:runTask": Job(
        "describeTasks",
        {"Cluster": "Cluster", "Tasks": ["Tasks.0.TaskArn"]},
        "Tasks.0.LastStatus",
        "STOPPED",
        "",
        "Tasks.0",
        stop=("stopTask", {"Cluster": "Cluster", "Task": "Tasks.0.TaskArn"}),
        is_good=_exited_well,
    ),
    "eks:createCluster": _eks("Cluster", _EKS_CLUSTER, gone=False),
    "eks:createFargateProfile": _eks("FargateProfile", _EKS_PROFILE, gone=False),
    "eks:createNodegroup": _eks("Nodegroup", _EKS_GROUP, gone=False),
    "eks:deleteCluster": _eks("Cluster", _EKS_CLUSTER, gone=True),
    "eks:deleteFargateProfile": _eks("FargateProfile", _EKS_PROFILE, gone=True),
    "eks:deleteNodegroup": _eks("Nodegroup", _EKS_GROUP, gone=True),
    "elasticmapreduce:addStep": Job(
        "describeStep",
        _STEP,
        "Step.Status.State",
        "COMPLETED",
        "CANCELLED FAILED INTERRUPTED",
        stop=("cancelStep", _STEP),
        tells_start=True,
    ),
    "elasticmapreduce:createCluster": Job(
        "describeCluster",
        _CLUSTER,
        "Cluster.Status.State",
        "RUNNING WAITING TERMINATED",
        "TERMINATED_WITH_ERRORS",
        stop=("terminateCluster", _CLUSTER),
        tells_start=True,
    ),
    "elasticmapreduce:terminateCluster": Job(
        "describeCluster", _CLUSTER, "Cluster.Status.State", "TERMINATED TERMINATED_WITH_ERRORS", ""
    ),
    "emr-containers:deleteVirtualCluster": Job(
        "describeVirtualCluster",
        {"Id": "Id"},
        "VirtualCluster.State",
        "TERMINATED",
        "ARRESTED",
        "VirtualCluster",
        ends_gone=True,
    ),
    "emr-containers:startJobRun": Job(
        "describeJobRun",
        _VIRTUAL_RUN,
        "JobRun.State",
        "COMPLETED",
        "CANCELLED FAILED",
        "JobRun",
        stop=("cancelJobRun", _VIRTUAL_RUN),
    ),
    "emr-serverless:createApplication": _emr_application("CREATED"),
    "emr-serverless:deleteApplication": _emr_application("TERMINATED", ""),
    "emr-serverless:startApplication": _emr_application("STARTED"),
    "emr-serverless:startJobRun": Job(
        "getJobRun",
        _EMR_RUN,
        "JobRun.State",
        "SUCCESS",
        "CANCELLED FAILED",
        "JobRun",
        stop=("cancelJobRun", _EMR_RUN),
    ),
    "emr-serverless:stopApplication": _emr_application("STOPPED"),
    "glue:startJobRun": Job(
        "getJobRun",
        {"JobName": "JobName", "RunId": "JobRunId"},
        "JobRun.JobRunState",
        "SUCCEEDED",
        "ERROR EXPIRED FAILED STOPPED TIMEOUT",
        "JobRun",
        stop=("batchStopJobRun", {"JobName": "JobName", "JobRunIds": ["JobRunId"]}),
    ),
    "mediaconvert:createJob": Job(
        "getJob",
        {"Id": "Job.Id"},
        "Job.Status",
        "COMPLETE",
        "CANCELED ERROR",
        stop=("cancelJob", {"Id": "Job.Id"}),
    ),
    "sagemaker:createHyperParameterTuningJob": _sagemaker("HyperParameterTuningJob"),
    "sagemaker:createLabelingJob": _sagemaker("LabelingJob"),
    "sagemaker:createProcessingJob": _sagemaker("ProcessingJob"),
    "sagemaker:createTrainingJob": _sagemaker("TrainingJob"),
    "sagemaker:createTransformJob": _sagemaker("TransformJob"),
}
