"""boto3: a machine with an activity, done by hand, and its history, page by page."""

import json

import boto3

sfn = boto3.client("stepfunctions")
activity = sfn.create_activity(name="pay")["activityArn"]
definition = {"StartAt": "pay", "States": {"pay": {"Type": "Task", "Resource": activity, "End": True}}}
machine = sfn.create_state_machine(
    name="boto", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/any"
)["stateMachineArn"]
execution = sfn.start_execution(stateMachineArn=machine, name="x", input='{"pence": 5}')["executionArn"]
task = sfn.get_activity_task(activityArn=activity, workerName="boto3")
sfn.send_task_heartbeat(taskToken=task["taskToken"])
sfn.send_task_success(
    taskToken=task["taskToken"], output=json.dumps({"paid": json.loads(task["input"])["pence"]})
)
while (told := sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
    pass
print(told["status"], told["output"], told["stopDate"] >= told["startDate"])
pages = sfn.get_paginator("get_execution_history").paginate(
    executionArn=execution, PaginationConfig={"PageSize": 2}
)
print([event["type"] for page in pages for event in page["events"]])
try:
    sfn.describe_execution(executionArn=execution + "y")
except sfn.exceptions.ExecutionDoesNotExist as error:
    print(error.response["Error"]["Code"])
print(boto3.client("sts").get_caller_identity()["Account"])
