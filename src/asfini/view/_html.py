"""Pages that need nothing but themselves: their parts, and the digests by which their policies know them."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


def filled(page: str, parts: Mapping[str, str]) -> str:
    """Fill in the parts one after the other, so that no part is taken for another's place."""
    written: list[str] = []
    for name, part in parts.items():
        before, _, page = page.partition(f"{{{name}}}")
        written += [before, part]
    return "".join([*written, page])


@cache
def asset(name: str) -> str:
    """A file of the package's."""
    return files("asfini.view").joinpath(name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """What a Content-Security-Policy knows a script or a style sheet by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
