"""Times as the States Language writes them: RFC 3339 with `T`, seconds and a zone."""

import re
from datetime import datetime
from typing import Any

_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""Java's form has as many as nine digits of a second, of which Python knows six."""


def timestamp(value: Any) -> datetime | None:
    """The time that a text tells; `None` where a value is no text of that form, or there is no such time."""
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    moment, fraction, zone = match.groups()
    try:
        return datetime.fromisoformat(f"{moment}{(fraction or '')[:7]}{zone}")
    except ValueError:
        return None
