"""A machine with versions and aliases, by the calls that tests make of it."""

import json
from typing import Any

from asfini.service import Service

PREFIX = "arn:aws:states:us-east-1:123456789012:"
SHOP = f"{PREFIX}stateMachine:shop"
ROLE = "arn:aws:iam::123456789012:role/a"


def giving(result: Any, seconds: int = 0) -> str:
    """A machine that waits and gives a result."""
    states = {
        "wait": {"Type": "Wait", "Seconds": seconds, "Next": "give"},
        "give": {"Type": "Pass", "Result": result, "End": True},
    }
    return json.dumps({"StartAt": "wait", "States": states})


def routing(*weights: int) -> list[dict[str, Any]]:
    """A routing configuration with weights for the first versions."""
    return [
        {"stateMachineVersionArn": f"{SHOP}:{number}", "weight": weight}
        for number, weight in enumerate(weights, 1)
    ]


class Shop:
    """The machine `shop` of a service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self.service.call(operation, **parameters)

    async def create(self, result: Any = 1, **parameters: Any) -> dict[str, Any]:
        given = {"name": "shop", "definition": giving(result), "roleArn": ROLE, **parameters}
        return await self.call("create_state_machine", **given)

    async def update(self, result: Any, **parameters: Any) -> dict[str, Any]:
        given = {"stateMachineArn": SHOP, "definition": giving(result), **parameters}
        return await self.call("update_state_machine", **given)

    async def publish(self, **parameters: Any) -> Any:
        return await self.call("publish_state_machine_version", stateMachineArn=SHOP, **parameters)

    async def delete(self, number: int) -> dict[str, Any]:
        return await self.call("delete_state_machine_version", stateMachineVersionArn=f"{SHOP}:{number}")

    async def describe(self, arn: str = SHOP, **parameters: Any) -> dict[str, Any]:
        return await self.call("describe_state_machine", stateMachineArn=arn, **parameters)

    async def alias(self, *weights: int, name: str = "live", **parameters: Any) -> dict[str, Any]:
        """Make an alias that leads to the first versions."""
        given = {"name": name, "routingConfiguration": routing(*weights), **parameters}
        return await self.call("create_state_machine_alias", **given)

    async def numbers(self, **parameters: Any) -> list[str]:
        page = await self.call("list_state_machine_versions", stateMachineArn=SHOP, **parameters)
        return [entry["stateMachineVersionArn"].rpartition(":")[2] for entry in page["stateMachineVersions"]]

    async def start(self, arn: str = SHOP, **parameters: Any) -> str:
        answer = await self.call("start_execution", stateMachineArn=arn, **parameters)
        text: str = answer["executionArn"]
        return text

    async def ended(self, arn: str) -> dict[str, Any]:
        await self.service.changed(arn, 0)
        return await self.call("describe_execution", executionArn=arn)

    async def output(self, arn: str = SHOP) -> Any:
        return json.loads((await self.ended(await self.start(arn)))["output"])
