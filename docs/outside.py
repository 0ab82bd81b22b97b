"""Lets no page of the documentation load anything from other sites: a hook of MkDocs.

Links that a reader follows may lead anywhere.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

LOADING = {
    "audio": {"src"},
    "embed": {"src"},
    "iframe": {"src"},
    "image": {"href", "xlink:href"},
    "img": {"src", "srcset"},
    "link": {"href"},
    "object": {"data"},
    "script": {"src"},
    "source": {"src", "srcset"},
    "use": {"href", "xlink:href"},
    "video": {"poster", "src"},
}
"""The attributes by which browsers load something unasked, by element."""
_ELSEWHERE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
_IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if given.get("rel") != "canonical":  # which says where a page is, and loads nothing
            names = LOADING.get(tag, set()) & given.keys()
            self.loaded += [given[name] for name in sorted(names) if _ELSEWHERE.match(given[name])]
        self.loaded += _IN_STYLES.findall(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.loaded += _IN_STYLES.findall(data)


def loaded_by_page(text: str) -> list[str]:
    """Tell what a page or picture loads from other sites."""
    page = _Page()
    page.feed(text)
    return page.loaded


KINDS: dict[str, Callable[[str], list[str]]] = {
    ".css": _IN_STYLES.findall,
    ".html": loaded_by_page,
    ".svg": loaded_by_page,
}


def on_post_build(config: Any) -> None:
    """Refuse a site that loads something from another one.

    Raises:
        SystemExit: it does.
    """
    site = Path(config["site_dir"])
    files = [path for path in sorted(site.rglob("*")) if path.suffix in KINDS]
    loaded = {path: KINDS[path.suffix](path.read_text("utf-8")) for path in files}
    told = [f"{path.relative_to(site)} loads {', '.join(urls)}" for path, urls in loaded.items() if urls]
    if told:
        raise SystemExit("\n".join(told))
