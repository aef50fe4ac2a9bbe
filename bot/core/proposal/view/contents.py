"""What a template sees of what is in two images: packages, how they start, and what they were built from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.evidence.contents import (
    Aspect,
    Origin,
    aspect_changes,
    becomes_root,
    origin,
    source_comparison,
)
from bot.core.markdown import Link, Plain, Text, first_of
from bot.core.sizes import spoken_size
from bot.model.contents import Change, Contents, PackageChange

MAX_WORDS = 20
"""Of one list of a config that are shown: what is gone of it, and what is new."""
MAX_VERSIONS = 5
"""Of one package that are shown."""


@dataclass(frozen=True, slots=True)
class PackageView:
    """One package that is not the same in both images."""

    change: Change
    """Whether it was `added`, `removed`, `upgraded`, `downgraded`, or only `changed` where nobody can say which."""
    type: Text
    name: Text
    old: tuple[Text | Plain, ...]
    """Its versions; several where an image has it several times, the earlier of many as their number."""
    new: tuple[Text | Plain, ...]


@dataclass(frozen=True, slots=True)
class ChangeCountView:
    """How many packages changed in one way."""

    change: Change
    count: int


@dataclass(frozen=True, slots=True)
class PackagesView:
    """The packages that are not the same."""

    counts: tuple[ChangeCountView, ...]
    """None of them is zero."""
    rows: tuple[PackageView, ...]
    """What went back comes first; may have been cut to fit."""
    cut: int
    """How many rows were left out."""


@dataclass(frozen=True, slots=True)
class AspectView:
    """One thing in which the two images differ: of a list what is gone and what is new, else the whole of it.

    Of very many words the first are shown, and how many more there are.
    """

    aspect: Aspect
    old: tuple[Text | Plain, ...]
    new: tuple[Text | Plain, ...]


@dataclass(frozen=True, slots=True)
class ContentsView:
    """What somebody found who looked into both images."""

    aspects: tuple[AspectView, ...]
    becomes_root: bool
    """Whether the newer one starts as root and the older one did not: where a cluster forbids that, it will not run."""
    old_size: Plain
    """To pull: all layers, compressed."""
    new_size: Plain
    origin: Origin
    """Whether it was `rebuilt` from the same state of its source, which has `changed` or `moved`, or is `unknown`."""
    comparison: Link | None
    """To where the two states of its source are compared."""


_ORDER = (Change.DOWNGRADED, Change.CHANGED, Change.UPGRADED, Change.ADDED, Change.REMOVED)


def packages_view(changes: Iterable[PackageChange], rows: int) -> PackagesView:
    """Return the view of changes, at most `rows` of them."""
    found = sorted(changes, key=lambda each: (_ORDER.index(each.change), each.type, each.name))
    counted = Counter(each.change for each in found)
    return PackagesView(
        counts=tuple(ChangeCountView(change, counted[change]) for change in _ORDER if counted[change]),
        rows=tuple(
            PackageView(each.change, Text(each.type), Text(each.name), latest_of(each.old), latest_of(each.new))
            for each in found[:rows]
        ),
        cut=max(0, len(found) - rows),
    )


def latest_of(versions: Sequence[str]) -> tuple[Text | Plain, ...]:
    """Return the latest of the versions of a package, which come last, behind the number of those before them."""
    earlier = len(versions) - MAX_VERSIONS
    return (*([Plain(f"{earlier} others")] if earlier > 0 else []), *map(Text, versions[-MAX_VERSIONS:]))


def contents_view(contents: Contents | None, rows: int) -> ContentsView | None:
    """Return the view of two images, at most `rows` words of each list; None where one of them was not looked into."""
    changes = aspect_changes(contents)
    if changes is None or contents is None or contents.old is None or contents.new is None:
        return None
    compared = source_comparison(contents)
    return ContentsView(
        aspects=tuple(
            AspectView(each.aspect, *(first_of(words, min(rows, MAX_WORDS)) for words in (each.old, each.new)))
            for each in changes
        ),
        becomes_root=becomes_root(contents),
        old_size=Plain(spoken_size(contents.old.size)),
        new_size=Plain(spoken_size(contents.new.size)),
        origin=origin(contents),
        comparison=Link(Plain("what changed in it"), compared.address) if compared is not None else None,
    )
