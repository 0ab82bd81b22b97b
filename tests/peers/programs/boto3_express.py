"""boto3: operations whose hosts begin with `sync-`: an EXPRESS execution, and the test of a state."""

import json

import boto3
from botocore.config import Config

sfn = boto3.client("stepfunctions", config=Config(inject_host_prefix=False))
state = {"Type": "Pass", "Result": {"done": True}, "End": True}
machine = sfn.create_state_machine(
    name="express",
    definition=json.dumps({"StartAt": "done", "States": {"done": state}}),
    roleArn="arn:aws:iam::123456789012:role/any",
    type="EXPRESS",
)["stateMachineArn"]
told = sfn.start_sync_execution(stateMachineArn=machine)
print(told["status"], told["output"], told["billingDetails"]["billedMemoryUsedInMB"])
told = sfn.test_state(definition=json.dumps(state), roleArn="arn:aws:iam::123456789012:role/any", input="{}")
print(told["status"], told["output"])
