"""What files say about places in others, brought to those places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bot.core.relate.arguments import note_set_arguments
from bot.core.relate.charts import open_what_templates_take
from bot.core.relate.environment import add_interpolated
from bot.core.relate.kustomize import close_replaced
from bot.core.relate.outputs import close_build_outputs
from bot.core.relate.overlays import lay_over
from bot.core.relate.writers import close_written_elsewhere
from bot.model.remark import Places, Remark

_RELATIONS: tuple[Callable[[Places, Sequence[Remark]], Places], ...] = (
    add_interpolated,
    lay_over,
    note_set_arguments,
    close_build_outputs,
    open_what_templates_take,
    close_written_elsewhere,
    close_replaced,
)


def relate(places: Iterable[Places], remarks: Sequence[Remark]) -> Places:
    """Return the places of a tree as its remarks leave them, in the order of their paths and lines."""
    related: Places = tuple(place for of_file in places for place in of_file)
    if remarks:
        for relation in _RELATIONS:
            related = relation(related, remarks)
    return tuple(sorted(related, key=lambda place: (place.path, place.line_number)))
