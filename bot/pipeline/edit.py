"""Edit: make the edits of a tree's files, and read each file again before anything is believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.places.edit import apply_edits, edits_for, identity, is_misread, is_proved
from bot.model.decision import Skip, Update
from bot.model.errors import EditError
from bot.model.found import Places
from bot.model.source import Change, FilePath, SourceFile
from bot.model.vocabulary import Reason
from bot.pipeline import witness
from bot.pipeline.survey import Reading, Survey, read_by, related


@dataclass(frozen=True, slots=True)
class Edited:
    """Changes that were proved, and the updates that could not be."""

    changes: tuple[Change, ...]
    made: tuple[Update, ...]
    unproved: tuple[Skip, ...]


def edit(survey: Survey, updates: Iterable[Update]) -> Edited:
    """Make the edits of `updates`, file by file; a file whose edits cannot be proved stays as it is."""
    by_path: dict[FilePath, list[Update]] = defaultdict(list)
    for update in updates:
        by_path[update.occurrence.path].append(update)
    changes: list[Change] = []
    made: list[Update] = []
    unproved: list[Skip] = []
    for path in sorted(by_path):
        try:
            content = _edited(survey, path, by_path[path])
        except EditError as error:
            unproved += [Skip(each.occurrence, Reason.NOT_PROVED, each.selected, str(error)) for each in by_path[path]]
            continue
        changes.append(Change(path, content))
        made += by_path[path]
    return Edited(tuple(changes), tuple(made), tuple(unproved))


def _edited(survey: Survey, path: FilePath, updates: Sequence[Update]) -> bytes:
    """Return the edited content of one file. Raises EditError when it does not show exactly what was planned."""
    readings = survey.readings_of(path)
    content = readings[0].file.content
    if any(is_misread(content, update.occurrence, update.candidates[0]) for update in updates):
        raise EditError("YAML would take the new tag for a number; put the tag into quotes")
    edits = [edit for update in updates for edit in edits_for(update.occurrence, update.candidates[0])]
    file = SourceFile(path, apply_edits(content, edits))
    again = read_by(file, [reading.file_format for reading in readings])
    chosen = {identity(update.occurrence): update.candidates[0] for update in updates}
    planned = {place: candidate.digest for place, candidate in chosen.items()}
    tags = {place: candidate.tag for place, candidate in chosen.items() if candidate.tag is not None}
    if any(before.remarks != after.remarks for before, after in zip(readings, again, strict=True)):
        is_shown = is_proved(survey.places, related(survey.readings_with(again)), planned, tags)
    else:  # then no place elsewhere can have changed
        is_shown = is_proved(_places(readings), _places(again), planned, tags)
    if not is_shown:
        raise EditError("reading the edited file again did not show exactly the planned change")
    for old, new in zip(readings, again, strict=True):
        if old.file_format.name == "dockerfile" and witness.objects(old.file, new.file, old.places, new.places):
            raise EditError("dockerfile-parse sees another change in the edited file than the planned one")
    return file.content


def _places(readings: Sequence[Reading]) -> Places:
    return tuple(place for reading in readings for place in reading.places)
