"""Dockerfiles: the images in `FROM`, `COPY --from=` and `RUN --mount=from=`, parsed as BuildKit parses them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

MAX_LINES = 100_000
"""Limit on the lines of a Dockerfile. A longer file is reported as `too-large`. The longest generated Dockerfiles have
a few thousand lines."""

_FILE_NAME = re.compile(r"(?:.+\.)?(?:[Dd]ocker|[Cc]ontainer)file|(?:[Dd]ocker|[Cc]ontainer)file.*", re.DOTALL)
"""Names of Dockerfiles. Renovate reads files with the same names (lib/modules/manager/dockerfile/index.ts of
renovatebot/renovate)."""
_USUAL_NAME = re.compile(r"(?:.+\.)?(?:[Dd]ocker|[Cc]ontainer)file|(?:Docker|Container)file[-_.0-9].*", re.DOTALL)
"""The names that nearly always mean a Dockerfile. A file with another name is read only if its content is a
Dockerfile."""
_TEMPLATE_SUFFIXES = (
    *(".j2", ".jinja", ".jinja2", ".tpl", ".tmpl", ".gotmpl", ".template"),
    *(".erb", ".ejs", ".hbs", ".mustache"),
)
"""Suffixes of files that template engines read. Such a file is read only if it has no placeholders."""
_BUILT_TEMPLATE = "Dockerfile.template"
"""A name that is always read, because balena and other tools build this file directly."""
_LANGUAGE_SUFFIXES = (
    *(".go", ".java", ".kt", ".scala", ".rs", ".rb", ".php", ".cs", ".fs", ".vb", ".swift", ".dart", ".ex", ".lua"),
    *(".c", ".h", ".cc", ".cpp", ".hpp", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".pl", ".r"),
)
"""Suffixes of source code. Only files such as `Dockerfile.go` are read, and only if their content is a Dockerfile."""
_OTHER_SUFFIXES = (
    # Files that accompany a Dockerfile and start with its name.
    *(".dockerignore", ".containerignore", ".md", ".mdx", ".rst", ".adoc", ".txt", ".html", ".log", ".lock"),
    *(".json", ".yaml", ".yml", ".toml", ".xml", ".sh", ".bash", ".py", ".ps1", ".bat", ".cmd"),
    # Files that editors and patches leave behind.
    *(".bak", ".orig", ".rej", ".swp", ".patch", ".diff", "~"),
)


class _DockerfileFormat:
    name = "dockerfile"
    has_line_end_comments = False

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_named(*(name for name in paths.by_name if "erfile" in name and _can_be_dockerfile(name)))

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if not file.is_listed_in_config and not _is_dockerfile(file):
            return iter(())
        if is_utf_16(file.content):
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),))
        if file.content.count(b"\n") > MAX_LINES:
            return iter((UnsupportedText(file.path, 1, "", Reason.TOO_LARGE),))
        return self._read(file)

    def _read(self, file: SourceFile) -> Iterator[ExtractedItem]:
        """Yield the images and, if there are none, the fact that build arguments can name images."""
        from bot.formats._syntax.dockerfile.reader import read_dockerfile

        references = list(read_dockerfile(file.content, file.path, self.name))
        yield from references
        if not references and b"$" in file.content:
            from bot.model.cross_file import DockerfileText

            yield DockerfileText(file.path)


def _can_be_dockerfile(name: str) -> bool:
    if _FILE_NAME.fullmatch(name) is None and _FILE_NAME.fullmatch(_remove_template_suffix(name)) is None:
        return False
    if name.lower().endswith(_LANGUAGE_SUFFIXES):
        return name.rpartition(".")[0] in {"Dockerfile", "Containerfile"}
    return not name.lower().endswith(_OTHER_SUFFIXES)


def _remove_template_suffix(name: str) -> str:
    return name.rpartition(".")[0] if name.lower().endswith(_TEMPLATE_SUFFIXES) else name


def _is_dockerfile(file: SourceFile) -> bool:
    """Return False if the name of `file` is unusual for a Dockerfile, and its content is not a complete Dockerfile."""
    name = file.path.rpartition("/")[2]
    is_template = name.lower().endswith(_TEMPLATE_SUFFIXES) and name != _BUILT_TEMPLATE
    is_usual = _USUAL_NAME.fullmatch(name) is not None and not name.lower().endswith(_LANGUAGE_SUFFIXES)
    if is_usual and not is_template:
        return True
    from bot.formats._syntax.dockerfile.complete_dockerfile import has_placeholders, is_complete_dockerfile

    return not (is_template and has_placeholders(file.content)) and is_complete_dockerfile(file.content)


FORMAT: FileFormat = _DockerfileFormat()
