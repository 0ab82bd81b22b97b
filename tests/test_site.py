"""The documentation's site: entry pages lead everywhere, and no page loads anything from other sites."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
HOOK = DOCS / "outside.py"


@pytest.fixture(scope="module")
def outside() -> Any:
    spec = importlib.util.spec_from_file_location("outside", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(site: Path, **files: str) -> dict[str, str]:
    for name, text in files.items():
        (site / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return {"site_dir": str(site)}


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/highlight.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/a.css">',
        '<img src="http://example.com/a.png" alt="">',
        "<img srcset='https://example.com/a.png 2x'>",
        '<svg><image xlink:href="https://example.com/a.png"/></svg>',
        "<style>@import 'https://fonts.example/a.css';</style>",
        '<p style="background: url(//example.com/a.png)">',
    ],
)
def test_a_page_that_loads_something_from_elsewhere_is_refused(
    text: str, outside: Any, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"page\.html loads .*example"):
        outside.on_post_build(built(tmp_path, page_html=text))


def test_a_style_sheet_that_loads_a_font_from_elsewhere_is_refused(outside: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"a\.css loads https://fonts\.example/a\.woff"):
        outside.on_post_build(
            built(tmp_path, a_css='@font-face { src: url("https://fonts.example/a.woff") }')
        )


def test_links_and_what_a_site_has_itself_are_allowed(outside: Any, tmp_path: Path) -> None:
    page = """
        <link rel="canonical" href="https://docs.example/"><link rel="stylesheet" href="../css/a.css">
        <a href="https://example.com">read</a><img src="a.png"><code>url(https://example.com)</code>
    """
    outside.on_post_build(built(tmp_path, page_html=page, a_css="a { background: url(a.png) }"))


@pytest.mark.parametrize("entry", ["index.md", "reference/index.md"])
def test_an_entry_page_leads_to_all_pages(entry: str) -> None:
    page = DOCS / entry
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    beside = {
        path for path in page.parent.rglob("*.md") if "reference" not in path.relative_to(page.parent).parts
    }
    assert beside - {page} - {(page.parent / link).resolve() for link in links} == set()
