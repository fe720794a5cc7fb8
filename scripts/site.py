"""mkdocs' hook: what the pages link to outside of docs/, such as an example, becomes part of the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files that are linked to; one that is not there is left out, and so a broken link."""
    for page in files.documentation_pages():
        for path in OUTSIDE.findall(page.content_string):
            if (ROOT / path).is_file() and f"source/{path}" not in files.src_uris:
                files.append(File.generated(config, f"source/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The links lead there."""
    return OUTSIDE.sub(r"](source/\1", markdown)
