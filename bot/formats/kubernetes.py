"""Kubernetes manifests in YAML and JSON: the images of built-in kinds and of custom resources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.json_names import JSON_NAME, starts_as_arm_template
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

_JSON_FILE = re.compile(rf"(?:.*/)?{JSON_NAME}", re.IGNORECASE | re.DOTALL)
_PARAMETERS_NAME = ".argocd-source"
_PARAMETERS = re.compile(rf"(?:.*/)?{re.escape(_PARAMETERS_NAME)}(-[^/]*)?\.yaml", re.DOTALL)
"""Files with parameter overrides for all Argo CD Applications of a folder, or for a single Application (described in
docs/user-guide/parameters.md of argoproj/argo-cd). Argo CD Image Updater writes to the file of a single Application by
default."""
_UTF_16_WORD = b"i\0m\0a\0g\0e"


class _KubernetesFormat:
    name = "kubernetes"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [
            *paths.list_ending_in_any_case(".yaml", ".yml"),
            *(path for path in paths.list_ending_in_any_case(".json") if _JSON_FILE.fullmatch(path)),
        ]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        content = file.content
        if is_utf_16(content):
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),) if _UTF_16_WORD in content else ())
        parameters = _PARAMETERS.fullmatch(file.path) if _PARAMETERS_NAME in file.path else None
        if parameters is not None:
            from bot.formats._readers.kubernetes import read_overrides

            return read_overrides(file, is_image_updater_file=parameters[1] is not None)
        from bot.formats._syntax.kubernetes.prefilter import may_name_images

        if not may_name_images(content) or starts_as_arm_template(content):
            return iter(())
        from bot.formats._readers.kubernetes import read

        return read(file)


FORMAT: FileFormat = _KubernetesFormat()
