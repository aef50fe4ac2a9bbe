"""Images that another tool writes: two writers would fight over them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.closing import close
from bot.model.remark import OtherWriter, Places, Remark
from bot.model.source import Occurrence
from bot.model.vocabulary import Reason


def close_written_elsewhere(places: Places, remarks: Sequence[Remark]) -> Places:
    """Close every place in the files, and of the names, that another tool writes."""
    writers = [remark for remark in remarks if isinstance(remark, OtherWriter)]
    if not writers:
        return places
    files = frozenset(path for writer in writers for path in writer.files)
    names = frozenset(name for writer in writers for name in writer.names)
    return tuple(
        close(place, Reason.OTHER_WRITER)
        if isinstance(place, Occurrence) and (place.path in files or place.reference.name in names)
        else place
        for place in places
    )
