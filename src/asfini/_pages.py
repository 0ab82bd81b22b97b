"""Lists of the API, which come page by page."""

from collections.abc import AsyncIterator
from typing import Any

from asfini.service import Service

ENTRIES_PER_PAGE = 1000
"""The most that the API's lists give at a time."""


async def entries(service: Service, operation: str, key: str, **parameters: Any) -> AsyncIterator[Any]:
    """All entries of a list, asked for as they are taken.

    Args:
        service: what answers.
        operation: the operation that lists them.
        key: what its response calls the list.
        parameters: its parameters, but for the page.
    """
    parameters["maxResults"] = ENTRIES_PER_PAGE
    while True:
        response = await service.call(operation, **parameters)
        for entry in response[key]:
            yield entry
        if not response.get("nextToken"):
            return
        parameters["nextToken"] = response["nextToken"]
