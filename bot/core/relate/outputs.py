"""Images that a build tool builds: whatever is pulled under their names was not made elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.core.closing import close
from bot.model.remark import BuildOutput, Places, Remark
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason


def close_build_outputs(places: Places, remarks: Sequence[Remark]) -> Places:
    """Close every place that names what a build tool of the tree builds."""
    outputs = _Outputs()
    for remark in remarks:
        if isinstance(remark, BuildOutput):
            outputs.note(remark)
    if not outputs.names and not outputs.images:
        return places
    return tuple(
        close(place, Reason.OTHER_WRITER) if isinstance(place, Occurrence) and outputs.has(place) else place
        for place in places
    )


@dataclass(slots=True)
class _Outputs:
    names: set[str] = field(default_factory=set)
    """Those that mean the same everywhere, with any tag."""
    images: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By folder: images as they are written there."""

    def note(self, output: BuildOutput) -> None:
        if output.everywhere:
            self.names |= output.images
        else:
            self.images[_folder_of(output.path)] |= output.images

    def has(self, place: Occurrence) -> bool:
        if place.reference.name in self.names:
            return True
        here = self.images.get(_folder_of(place.path), ())
        return place.written in here or str(replace(place.reference, digest=None)) in here


def _folder_of(path: FilePath) -> str:
    return path.rpartition("/")[0]
