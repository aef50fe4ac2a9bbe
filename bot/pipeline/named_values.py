"""Select the values files of Helm charts that other files name.

A format selects files by their names. The name of a values file can be anything, such as `apps/prod.yaml`, if a
HelmRelease, an Application of Argo CD, a kustomization or a helmfile names the file. These files are therefore known
only after all other files were read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bot.model.forge import TreeEntry
from bot.model.source import FilePath
from bot.pipeline.file_reading import FileReading, SelectedFile
from bot.ports import FileFormat

MAX_NAMED_FILES = 1_000
"""The maximum number of files in one tree that are read because other files name them. A forge may need a request for
each of them. A public repository with the deployments of a whole cluster names about a hundred values files."""

_HELM = "helm"
_KUBERNETES = "kubernetes"


def select_named_values(
    entries: Mapping[FilePath, TreeEntry],
    selected: Sequence[SelectedFile],
    readings: Sequence[FileReading],
    formats: Collection[FileFormat],
) -> list[SelectedFile]:
    """Return the files of the tree that other files name as values files, and that were not yet read as such.

    A file in which another format found something is left out. The format `kubernetes` does not count, because it reads
    every YAML file, and the reader of values files skips Kubernetes objects.

    Args:
        entries: The files of the tree by path.
        selected: The files that formats selected by their names.
        readings: The readings of these files.
        formats: The formats in use. If `helm` is not one of them, nothing is selected.
    """
    if not any(each.facts for each in readings) or all(each.name != _HELM for each in formats):
        return []
    # The imports are here, so that small trees without facts load neither module.
    from bot.formats.helm import NAMED_VALUES_FORMAT  # noqa: PLC0415
    from bot.model.chart_facts import ValuesFileUse  # noqa: PLC0415

    facts = (fact for each in readings for fact in each.facts)
    named = entries.keys() & {fact.values_path for fact in facts if isinstance(fact, ValuesFileUse)}
    named_files = (each for each in selected if each.entry.path in named)
    named -= {each.entry.path for each in named_files if any(used.name == _HELM for used in each.formats)}
    named -= {each.file.path for each in readings if each.file_format.name != _KUBERNETES}
    return [SelectedFile(entries[path], (NAMED_VALUES_FORMAT,)) for path in sorted(named)]
