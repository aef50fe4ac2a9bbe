"""Kubernetes manifests: the images of built-in kinds and of custom resources, in YAML and JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from bot.core.closing import close
from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.kubernetes.gate import may_name_images
from bot.formats._syntax.kubernetes.kinds import WAYS_OF_A_SOURCE
from bot.formats._syntax.kubernetes.objects import ObjectReader
from bot.model.remark import Found
from bot.model.source import FilePath, Occurrence, SourceFile, Unsupported
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

_FILE_NAME = re.compile(
    r"(?:.*/)?(?:[^/]*\.ya?ml|(?!(?:"
    # Of other tools, by their whole names; many repositories have large ones.
    r"package(?:-lock)?|npm-shrinkwrap|composer|bower|lerna|nx|turbo|angular|deno|renovate|global|tslint|"
    r"launch|settings|tasks|[jt]sconfig[^/]*|appsettings[^/]*|[^/]*\.(?:schema|lock|min|map|nls)"
    r")\.json\Z)[^/]*\.json)",
    re.IGNORECASE | re.DOTALL,
)
_PARAMETERS = re.compile(r"(?:.*/)?\.argocd-source(-[^/]*)?\.yaml", re.DOTALL)
"""What overrides the source of an Argo CD Application, of all in a folder or of one (docs/user-guide/parameters.md of
argoproj/argo-cd). That of one is what Argo CD Image Updater writes where nobody tells it another file."""

_UTF_16_WORD = b"i\0m\0a\0g\0e"
_ESCAPE_OF_JSON = re.compile(rb"\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD]")


@dataclass(frozen=True, slots=True)
class _Kubernetes:
    name: str = "kubernetes"
    has_line_end_comments: bool = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        return [path for path in paths if _FILE_NAME.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[Found]:
        content = file.content
        if is_utf_16(content):
            if _UTF_16_WORD in content:
                yield Unsupported(file.path, 1, "", Reason.UNDECODABLE)
            return
        parameters = _PARAMETERS.fullmatch(file.path)
        if parameters is not None:
            yield from _overrides(file, is_written=parameters[1] is not None)
        elif may_name_images(content):
            reader = ObjectReader(file.path, self.name)
            yield from reader.read(_json_as_yaml(content) if file.path.lower().endswith(".json") else content)


def _overrides(file: SourceFile, *, is_written: bool) -> Iterator[Found]:
    """Yield the images of a file of parameters, closed where Image Updater writes it."""
    reader = ObjectReader(file.path, FORMAT.name, ways=WAYS_OF_A_SOURCE)
    for found in reader.read(file.content, is_wanted=bool):
        yield close(found, Reason.OTHER_WRITER) if is_written and isinstance(found, Occurrence) else found


def _json_as_yaml(content: bytes) -> bytes:
    r"""Return JSON in which a parser of YAML finds the same at the same bytes.

    Tabs are blanks in JSON and in no string of it, yet PyYAML's own parser refuses them. Half a character outside of
    Unicode's first plane (`\ud83d`) is none in YAML; no image has any.
    """
    content = content.replace(b"\t", b" ")
    if _SURROGATE.search(content) is None:
        return content
    return _ESCAPE_OF_JSON.sub(lambda match: rb"\ufffd" if len(match[0]) > len(rb"\n") else match[0], content)


FORMAT: FileFormat = _Kubernetes()
