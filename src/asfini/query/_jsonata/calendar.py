"""Dates in the Gregorian calendar, in any year, and their parts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DAY = 86_400_000
"""The milliseconds of a day."""
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def day_number(year: int, month: int, day: int = 1) -> int:
    """The days from 1970 on to a date; months beyond December belong to the years after."""
    years, month = divmod(month - 1, 12)
    year += years - (month < 2)
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 10) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@dataclass(slots=True)
class Moment:
    """A point in time, by the calendar."""

    millis: int
    year: int
    month: int
    day: int

    @classmethod
    def of(cls, millis: int) -> "Moment":
        """Find the date of milliseconds since 1970."""
        era, of_era = divmod(millis // DAY + 719_468, 146_097)
        year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
        of_year = of_era - (365 * year + year // 4 - year // 100)
        month = (5 * of_year + 2) // 153
        day = of_year - (153 * month + 2) // 5 + 1
        month = month + 3 if month < 10 else month - 9
        return cls(millis, year + era * 400 + (month <= 2), month, day)

    @property
    def number(self) -> int:
        """The days from 1970 on."""
        return self.millis // DAY


def _first_week(year: int, month: int) -> int:
    """The Monday of the week that has the first Thursday from a month's beginning on."""
    first = day_number(year, month)
    weekday = (first + 3) % 7
    return first - weekday if weekday <= 3 else first + 7 - weekday


def _week(moment: Moment, month: int, months: int) -> int:
    """Which week it is of those that begin with a month.

    Args:
        moment: the time.
        month: the first month of the period.
        months: how long the period is.
    """
    week = (moment.number - _first_week(moment.year, month)) // 7 + 1
    if week < 1:
        return (moment.number - _first_week(moment.year, month - months)) // 7 + 1
    return 1 if moment.number >= _first_week(moment.year, month + months) else week


def _week_year(moment: Moment) -> int:
    if moment.number < _first_week(moment.year, 1):
        return moment.year - 1
    return moment.year + (moment.number >= _first_week(moment.year + 1, 1))


def _week_month(moment: Moment) -> int:
    month = moment.month
    if moment.number < _first_week(moment.year, month):
        month -= 1
    elif moment.number >= _first_week(moment.year, month + 1):
        month += 1
    return (month - 1) % 12 + 1


def _hour(moment: Moment) -> int:
    return moment.millis % DAY // 3_600_000


PARTS: dict[str, Callable[[Moment], Any]] = {
    "Y": lambda moment: moment.year,
    "M": lambda moment: moment.month,
    "D": lambda moment: moment.day,
    "d": lambda moment: moment.number - day_number(moment.year, 1) + 1,
    "F": lambda moment: (moment.number + 3) % 7 + 1,
    "W": lambda moment: _week(moment, 1, 12),
    "w": lambda moment: _week(moment, moment.month, 1),
    "X": _week_year,
    "x": _week_month,
    "H": _hour,
    "h": lambda moment: (_hour(moment) + 11) % 12 + 1,
    "P": lambda moment: "pm" if _hour(moment) >= 12 else "am",
    "m": lambda moment: moment.millis // 60_000 % 60,
    "s": lambda moment: moment.millis // 1000 % 60,
    "f": lambda moment: moment.millis % 1000,
    "C": lambda _: "ISO",
    "E": lambda _: "ISO",
}
"""What a picture's letters stand for."""
