"""Where distributed maps find their objects: at handlers, or else in S3 at an endpoint."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from asfini.local.datasets import HandlerStore, StoreError
from asfini.local.failures import Failure, Unsuitable
from asfini.local.handlers import Handlers, Target

if TYPE_CHECKING:
    from asfini.local.elsewhere import ServiceDoor

PAGE = 1000
"""The most objects on a page of S3's list."""


class ServiceStore(HandlerStore):
    """A store of which handlers tell, and S3 where there are none.

    Args:
        handlers: the functions that stand in for resources.
        services: where S3 is.
    """

    def __init__(self, handlers: Handlers, services: "ServiceDoor") -> None:
        super().__init__(handlers)
        self._services = services

    async def _elsewhere(self, target: Target, parameters: Any) -> Any:
        given = parameters if isinstance(parameters, dict) else {}
        try:
            if target.name == "s3:listObjectsV2":
                return {"Contents": [entry async for entry in self._listed(given)]}
            return {"Body": (await self._services.ask(target.name, given)).content}
        except Failure as failure:
            raise StoreError(failure.cause or failure.error) from None
        except Unsuitable as unsuitable:
            raise StoreError(str(unsuitable)) from None

    async def _listed(self, given: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """List objects, page by page."""
        more: dict[str, Any] = {"MaxKeys": PAGE}
        while True:
            value = (await self._services.ask("s3:listObjectsV2", given | more)).value
            for entry in value.get("Contents", []):
                yield _entry(entry)
            if not value.get("IsTruncated"):
                return
            token = value.get("NextContinuationToken")
            if token in (None, more.get("ContinuationToken")):
                raise StoreError("S3 has more objects to list, but does not say from where")
            more["ContinuationToken"] = token


def _entry(told: dict[str, Any]) -> dict[str, Any]:
    """An object of a list as maps get it: the page "ItemReader (Map)"."""
    entry = {
        "Etag": told.get("ETag"),
        "Key": told.get("Key"),
        "LastModified": told.get("LastModified", 0) // 1000,
        "Size": told.get("Size"),
        "StorageClass": told.get("StorageClass"),
    }
    return {name: value for name, value in entry.items() if value is not None}
