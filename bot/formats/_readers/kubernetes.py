"""Read Kubernetes manifests in YAML and JSON: the images of built-in kinds and of custom resources."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.core.references.locking import lock_reference
from bot.formats._syntax.kubernetes.kinds import SOURCE_PATHS
from bot.formats._syntax.kubernetes.objects import ObjectReader
from bot.model.extracted_item import ExtractedItem
from bot.model.source import Reference, SourceFile
from bot.model.vocabulary import Reason

_FORMAT = "kubernetes"
_JSON_ESCAPE = re.compile(rb"\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD]")


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of the objects in a file, and facts in these objects that affect images in other files.

    For example, an Application of Argo CD can replace images in the folder that it deploys.
    """
    content = _convert_json_to_yaml(file.content) if file.path.lower().endswith(".json") else file.content
    return ObjectReader(file.path, _FORMAT).read(content)


def read_overrides(file: SourceFile, *, is_image_updater_file: bool) -> Iterator[ExtractedItem]:
    """Yield the images in a file with parameter overrides of Argo CD (`.argocd-source.yaml`).

    If `is_image_updater_file` is True, the images are not editable, because Argo CD Image Updater writes the file.
    """
    reader = ObjectReader(file.path, _FORMAT, image_paths=SOURCE_PATHS)
    for found in reader.read(file.content, is_relevant=bool):
        yield (
            lock_reference(found, Reason.OTHER_WRITER)
            if is_image_updater_file and isinstance(found, Reference)
            else found
        )


def _convert_json_to_yaml(content: bytes) -> bytes:
    r"""Convert JSON to a form that a YAML parser accepts. All values keep their byte offsets.

    Tabs become spaces, because PyYAML's own parser rejects tabs between tokens. JSON allows tabs nowhere else. An
    escaped surrogate (`\ud83d`), which YAML does not allow, becomes U+FFFD. This changes no image reference, because
    references contain no surrogates.
    """
    content = content.replace(b"\t", b" ")
    if _SURROGATE.search(content) is None:
        return content
    return _JSON_ESCAPE.sub(lambda match: rb"\ufffd" if len(match[0]) > len(rb"\n") else match[0], content)
