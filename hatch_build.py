"""The description and the links of the package on an index, which needs absolute links.

Without a release, there is no repository to link to, so the description is the README as it is.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_VERSION = re.compile(r'(?m)^__version__ = "(.*)"$')
_IMAGE = re.compile(r"(!\[[^\]]*\])\((?!https?://)([^)\s]+)\)")
_LINK = re.compile(r"\]\((?!https?://|#)([^)\s]+)\)")


class ReadmeHook(MetadataHookInterface):
    """Sets `readme` and `urls` of the metadata."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        text = (root / "README.md").read_text(encoding="utf-8")
        switch = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["basebump"]
        if switch["released"]:
            page = f"https://github.com/{switch['repository']}"
            owner, _, name = switch["repository"].partition("/")
            tag = f"v{_VERSION.findall((root / 'bot' / '__init__.py').read_text(encoding='utf-8'))[0]}"
            text = _IMAGE.sub(rf"\1({page}/raw/{tag}/\2)", text)
            text = _LINK.sub(rf"]({page}/blob/{tag}/\1)", text)
            metadata["urls"] = {
                "Documentation": f"https://{owner.lower()}.github.io/{name}/",
                "Changelog": f"{page}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{page}/issues",
                "Source": page,
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
