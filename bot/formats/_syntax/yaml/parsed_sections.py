"""Sections of YAML files with their trees, which are parsed when they are first needed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import yaml

from bot.formats._syntax.yaml.sections import BrokenSection, LineCounter, SectionSource, split_sections
from bot.formats._syntax.yaml.trees import TooDeepError, YamlTree, find_error_position, is_too_deep, read_trees
from bot.model.vocabulary import Reason

MAX_DOCUMENTS = 10_000
"""Limit on the documents of one file. Documents beyond the limit are not read. The largest bundles have hundreds."""


@dataclass
class ParsedSection:
    """A section of a file (the part from one `---` to the next). It is parsed when `parse` is first called."""

    source: SectionSource
    broken: BrokenSection | None = None
    """The error that stopped the parser, or the reason why the section is not parsed."""
    _trees: list[YamlTree] | None = None

    def parse(self) -> list[YamlTree]:
        """Return the documents of the section up to the first error, and store the error in `broken`."""
        if self._trees is None:
            self._trees = self._read_trees()
        return self._trees

    def _read_trees(self) -> list[YamlTree]:
        trees: list[YamlTree] = []
        if self.broken is not None:
            return trees
        source = self.source
        try:
            trees += read_trees(source.decode())  # documents before an error are kept
        except UnicodeDecodeError as error:
            self.broken = BrokenSection(Reason.UNDECODABLE, source.get_line_number(source.start + error.start), source)
        # Only PyYAML's own parser raises the last two.
        except (TooDeepError, yaml.YAMLError, ValueError, OverflowError) as error:
            line_number = source.get_line_number(source.get_offset(find_error_position(error, source.text)))
            reason = Reason.TOO_DEEP if is_too_deep(error) else Reason.UNPARSABLE
            self.broken = BrokenSection(reason, line_number, source)
        return trees


_last_file = threading.local()  # the content and the sections of the file that each thread has read last


def load_sections(content: bytes) -> list[ParsedSection]:
    """Return the sections of a file. Those of the last file are reused, because several formats may read it."""
    if getattr(_last_file, "content", None) != content:
        _last_file.content, _last_file.sections = content, make_sections(content)
    sections: list[ParsedSection] = _last_file.sections
    return sections


def make_sections(content: bytes) -> list[ParsedSection]:
    """Return the sections of a file, up to MAX_DOCUMENTS. None of them is parsed yet."""
    line_counter = LineCounter(content)
    sections: list[ParsedSection] = []
    for start, end in split_sections(content):
        if len(sections) == MAX_DOCUMENTS:
            unread_source = SectionSource(content[start:], start, line_counter)
            sections.append(ParsedSection(unread_source, make_unread_section(unread_source)))
            break
        sections.append(ParsedSection(SectionSource(content[start:end], start, line_counter)))
    return sections


def make_unread_section(source: SectionSource) -> BrokenSection:
    """Return an error for a section that is not parsed because of a limit."""
    return BrokenSection(Reason.TOO_DEEP, source.first_line_number, source)
