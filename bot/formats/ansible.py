"""Ansible: the images of the tasks that run containers with a module for Docker, Swarm or Podman."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.yaml.document_starts import may_contain_list
from bot.formats._syntax.yaml.key_escapes import may_be_escaped
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

_MODULES = (b"docker_container", b"podman_container")
_COMMON_ENDING = b"_container"
"""The end of the names of `_MODULES`. Few files contain this ending, so most files are searched for only two words."""
_SERVICE_MODULE = b"docker_swarm_service"


class _AnsibleFormat:
    name = "ansible"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        # A playbook can have any name. Only files that contain a module of `_MODULES` are parsed.
        return paths.list_ending(".yaml", ".yml")

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if is_utf_16(file.content):
            is_relevant = _names_module(file.content.replace(b"\0", b""))
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),) if is_relevant else ())
        if not _may_run_containers(file.content):
            return iter(())
        from bot.formats._readers.ansible import read

        found = read(file, _may_run_containers)
        # If a file cannot be parsed and contains escapes but no module, nothing shows that it belongs to Ansible.
        return found if _names_module(file.content) else (each for each in found if not _is_unread_file(each))


def _may_run_containers(content: bytes) -> bool:
    """Return False if parsing `content` would certainly find no task that runs a container."""
    may_have_keys = (_names_module(content) and b"image" in content) or may_be_escaped(content)
    return may_have_keys and may_contain_list(content)


def _is_unread_file(item: ExtractedItem) -> bool:
    return isinstance(item, UnsupportedText) and item.reason.facts.is_whole_file


def _names_module(content: bytes) -> bool:
    if _COMMON_ENDING in content and any(module in content for module in _MODULES):
        return True
    return _SERVICE_MODULE in content


FORMAT: FileFormat = _AnsibleFormat()
