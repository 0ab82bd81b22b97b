"""Pages that need nothing but themselves: their parts, and the digests by which their policies know them."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from asfini.view._text import xml


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


def page(title: str, style: str, body: str, *, script: str = "") -> str:
    """A page that loads nothing, and runs nothing but the one script that its body may have.

    Args:
        title: plain text.
        style: its style sheet.
        body: HTML.
        script: the script that is in the body.
    """
    runs = f"script-src '{digest(script)}'; " if script else ""
    policy = f"default-src 'none'; {runs}style-src '{digest(style)}'; base-uri 'none'; form-action 'none'"
    parts = {"policy": policy, "title": xml(title), "style": style, "body": body}
    return filled(asset("page.html"), parts)


def digest(text: str) -> str:
    """What a Content-Security-Policy knows a script or a style sheet by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
