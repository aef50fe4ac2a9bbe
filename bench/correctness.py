"""Hold what is found in a folder, and what is pinned there, against BuildKit: `python bench/correctness.py FOLDER`.

BuildKit's own parser and scoping resolve every Dockerfile. Then everything that may be pinned is, through the edit and
the proof of every run, with digests made up from the image and its tag, and all is read again. `--out DIR` keeps the
folder as it then is, for other tools to read.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent), str(BENCH.parent / "tests"), str(BENCH)]

from extraction import HERE, selected  # noqa: E402 - the folders are put on the path above
from support.witnesses.buildkit import Pull, RefusedError, pulls  # noqa: E402

from bot.core.references.edit import OccurrenceKey, get_occurrence_key  # noqa: E402
from bot.core.references.reconcile import reconcile_decisions  # noqa: E402
from bot.formats import dockerfile, load_all_formats  # noqa: E402
from bot.model.decision import ImageUpdate, TrackedImage, UpdateCandidate  # noqa: E402
from bot.model.policy import Policy  # noqa: E402
from bot.model.reference import Digest, TagRef  # noqa: E402
from bot.model.source import EditSlot, FilePath, NotEditable, Occurrence, UnsupportedText  # noqa: E402
from bot.pipeline.edit import EditResult, edit_files  # noqa: E402
from bot.pipeline.extract import ExtractResult, extract_references  # noqa: E402
from bot.worktree import WorkTree  # noqa: E402

Found = Occurrence | UnsupportedText
Images = Mapping[FilePath, list[Pull] | None]
"""What BuildKit pulls for each Dockerfile; None for what it cannot read."""
Matched = list[tuple[Pull | None, Found | None]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="where to put the folder with everything pinned")
    parser.add_argument("--list", action="store_true", help="print every reference that is listed with a reason")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        return check(arguments.folder, arguments.out or Path(scratch), is_listing=arguments.list)


def check(folder: Path, out: Path, *, is_listing: bool) -> int:
    """Return 1 where something was missed, different, not proved or wrong."""
    tree = WorkTree(folder)
    before = extract_references(HERE, tree, load_all_formats())
    images = resolved(tree)
    matched = {path: match(pulled, places_of(before, path)) for path, pulled in images.items() if pulled is not None}
    lost = compare(images, matched, before, is_listing=is_listing)
    edited = pin(before)
    copy(tree, edited, out)
    planned = {get_occurrence_key(each.occurrence): each.candidates[0].digest for each in edited.applied_updates}
    unproved = [f"not proved: {each.occurrence.path}: {each.detail}" for each in edited.unproved_skips]
    wrong = [*misread(before, extract_references(HERE, WorkTree(out), load_all_formats()), planned)]
    wrong += [*misbuilt(matched, resolved(WorkTree(out)), planned)]
    print(
        f"pinned: {len(planned)} references in {len(edited.changes)} files, {len(unproved)} not proved,"
        f" {len(wrong)} wrong"
    )
    print("".join(f"  {line}\n" for line in (*unproved, *wrong)), end="")
    return int(bool(lost or unproved or wrong))


def resolved(tree: WorkTree) -> Images:
    images: dict[FilePath, list[Pull] | None] = {}
    for _, file in selected(tree, (dockerfile.FORMAT,)):
        try:
            text = file.content.decode()
        except UnicodeDecodeError:
            text = file.content.decode("latin-1")
        try:
            images[file.path] = pulls(text)
        except RefusedError:
            images[file.path] = None
    return images


def places_of(surveyed: ExtractResult, path: FilePath) -> list[Found]:
    readings = surveyed.get_readings(path)
    dockerfiles = [each for each in readings if each.file_format.name == dockerfile.FORMAT.name]
    kept = {get_occurrence_key(each): each for each in surveyed.occurrences if each.path == path} if dockerfiles else {}
    return [
        kept[get_occurrence_key(place)] if isinstance(place, Occurrence) else place
        for reading in dockerfiles
        for place in reading.references
    ]


def match(pulled: list[Pull], places: list[Found]) -> Matched:
    """Return every pull with the place on its lines, one with the same reference first; what is left has no other."""
    matched: Matched = []
    left = [*places]
    for pull in sorted(pulled, key=lambda pull: not any(shows(place, pull) for place in places)):
        here = [place for place in left if pull.first_line <= place.line_number <= pull.last_line]
        place = next((place for place in here if shows(place, pull)), here[0] if here else None)
        if place is not None:
            left.remove(place)
        matched.append((pull, place))
    return [*matched, *((None, place) for place in left)]


def shows(place: Found, pull: Pull) -> bool:
    on_its_lines = pull.first_line <= place.line_number <= pull.last_line
    return on_its_lines and isinstance(place, Occurrence) and str(place.reference) == pull.image.text


def outcome(pull: Pull | None, place: Found | None) -> str:
    match pull, place:
        case None, UnsupportedText(reason=reason):
            return f"listed, and refused by BuildKit: {reason.value}"
        case None, _:
            return "found, and not pulled by BuildKit"
        case _, None:
            return "missed"
        case _, UnsupportedText(reason=reason):
            return f"listed: {reason.value}"
        case Pull(), Occurrence(digest_slot=digest) if shows(place, pull):
            return f"listed: {digest.reason.value}" if isinstance(digest, NotEditable) else "agree"
        case _:
            return "different"


def compare(images: Images, matched: Mapping[FilePath, Matched], surveyed: ExtractResult, *, is_listing: bool) -> int:
    """Print what became of every reference that BuildKit resolves, and return how many were missed or different."""
    counts = Counter(outcome(*pair) for pairs in matched.values() for pair in pairs)
    refused = [path for path, pulled in images.items() if pulled is None]
    print(f"Dockerfiles: {len(images)}, and {sum(pull is not None for pairs in matched.values() for pull, _ in pairs)}"
          f" references in them that BuildKit resolves")  # fmt: skip
    for title, count in sorted(counts.items(), key=lambda each: -each[1]):
        print(f"  {title}: {count}")
    in_refused = sum(len(places_of(surveyed, path)) for path in refused)
    print(f"  in {len(refused)} files that BuildKit cannot read at all: {in_refused}")
    quiet = ("agree",) if is_listing else ("agree", "listed")
    for path, pairs in matched.items():
        for pull, place in pairs:
            if not (said := outcome(pull, place)).startswith(quiet):
                line = pull.first_line if pull else place.line_number if place else 0
                print(f"    {path}:{line} {said}: {pull and pull.image.text!r} {described(place)}")
    return counts["missed"] + counts["different"]


def described(place: Found | None) -> str:
    return repr(place.text) if isinstance(place, UnsupportedText) else str(place.reference) if place else "nothing"


def pin(surveyed: ExtractResult) -> EditResult:
    """Move everything that has a slot to the digest of its line, as a run does when the registry answers."""
    updates = []
    for place in surveyed.occurrences:
        if isinstance(place.digest_slot, EditSlot):
            line = place.reference.to_tag_ref() or TagRef(place.reference.repository, "latest")
            digest = Digest(f"sha256:{hashlib.sha256(str(line).encode()).hexdigest()}")
            updates.append(ImageUpdate(TrackedImage(place, line, Policy()), (UpdateCandidate(digest),)))
    return edit_files(surveyed, [each for each in reconcile_decisions(updates) if isinstance(each, ImageUpdate)])


def copy(tree: WorkTree, edited: EditResult, out: Path) -> None:
    changed = {change.path: change.content for change in edited.changes}
    entries = list(tree.list_entries())
    for entry, content in zip(entries, tree.read(entries), strict=True):
        if isinstance(content, bytes):
            target = out / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(changed.get(entry.path, content))


def misread(before: ExtractResult, after: ExtractResult, planned: Mapping[OccurrenceKey, Digest]) -> Iterator[str]:
    """Yield every place that does not read as it was planned to."""
    expected = {
        get_occurrence_key(place): str(
            place.reference.with_digest(planned.get(get_occurrence_key(place), place.reference.digest))
        )
        for place in before.occurrences
    }
    there = {get_occurrence_key(place): str(place.reference) for place in after.occurrences}
    for key in sorted(expected.keys() | there.keys()):
        if expected.get(key) != there.get(key):
            yield f"wrong: {' '.join(key)} is {there.get(key)}, not {expected.get(key)}"
    texts = [Counter((place.path, place.text, place.reason) for place in each.unsupported) for each in (before, after)]
    yield from (f"wrong: unsupported {key}" for key in (texts[0] - texts[1]) + (texts[1] - texts[0]))


def misbuilt(
    matched: Mapping[FilePath, Matched], images: Images, planned: Mapping[OccurrenceKey, Digest]
) -> Iterator[str]:
    """Yield every Dockerfile of which BuildKit then pulls anything but what was planned."""
    for path, pairs in matched.items():
        expected = Counter(
            (
                pull.first_line,
                str(place.reference.with_digest(planned[get_occurrence_key(place)]))
                if isinstance(place, Occurrence) and shows(place, pull) and get_occurrence_key(place) in planned
                else pull.image.text,
            )
            for pull, place in pairs
            if pull is not None
        )
        there = Counter((pull.first_line, pull.image.text) for pull in images.get(path) or ())
        if expected != there:
            yield f"wrong: {path} pulls {sorted(there - expected)}, not {sorted(expected - there)}"


if __name__ == "__main__":
    sys.exit(main())
