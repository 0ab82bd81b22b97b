"""The local service's time: the loop's, so that virtual time moves it, told as dates."""

import asyncio
from datetime import UTC, datetime, timedelta


class Dates:
    """Tells dates that keep step with the running loop's clock.

    Args:
        start: the date at the start; by default the real one.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        now = start or datetime.now(UTC)
        self._date = now.replace(microsecond=now.microsecond // 1000 * 1000)

    def now(self) -> datetime:
        """The date, in whole milliseconds as AWS tells it."""
        passed = round((self._loop.time() - self._start) * 1000)
        try:
            return self._date + timedelta(milliseconds=passed)
        except OverflowError:  # the year 10,000, which virtual time can reach
            return datetime.max.replace(tzinfo=UTC)


def iso(moment: datetime) -> str:
    """Write a date as the context object does."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
