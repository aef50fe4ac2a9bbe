"""Compare basebump's image references in a folder with BuildKit's: `python bench/correctness.py FOLDER`.

First, BuildKit's own parser resolves every Dockerfile, and the results are compared with the references that basebump
finds. Then basebump pins every reference that can be pinned, with the edits and the verification of a run, and reads
all files again. The new digests are made up: each is computed from the image and its tag. `--out DIR` keeps the pinned
copy of the folder for other tools.
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

from extraction import HERE, list_reads  # noqa: E402 - the folders are put on the path above
from support.witnesses.buildkit import ImagePull, RefusedError, list_pulls  # noqa: E402

from bot.core.references.edit import ReferenceKey, get_reference_key  # noqa: E402
from bot.core.references.reconcile import reconcile_decisions  # noqa: E402
from bot.formats import dockerfile, load_all_formats  # noqa: E402
from bot.model.decision import ImageUpdate, TrackedImage, UpdateCandidate  # noqa: E402
from bot.model.image_name import Digest, TagRef  # noqa: E402
from bot.model.policy import Policy  # noqa: E402
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, UnsupportedText  # noqa: E402
from bot.pipeline.references.edit import EditResult, edit_files  # noqa: E402
from bot.pipeline.references.extract import ExtractResult, extract_references  # noqa: E402
from bot.worktree import WorkTree  # noqa: E402

FoundReference = Reference | UnsupportedText
Images = Mapping[FilePath, list[ImagePull] | None]
"""The images that BuildKit pulls for each Dockerfile; None if BuildKit cannot read the file."""
ReferencePairs = list[tuple[ImagePull | None, FoundReference | None]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="keep the pinned copy of the folder here")
    parser.add_argument("--list", action="store_true", help="also print references that basebump lists with a reason")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        return check_folder(arguments.folder, arguments.out or Path(scratch), is_listing=arguments.list)


def check_folder(folder: Path, out: Path, *, is_listing: bool) -> int:
    """Return 1 if a reference was missed, differs, could not be verified, or is wrong; otherwise 0."""
    tree = WorkTree(folder)
    before = extract_references(HERE, tree, load_all_formats())
    images = resolve_with_buildkit(tree)
    matched = {
        path: pair_references(pulled, list_references(before, path))
        for path, pulled in images.items()
        if pulled is not None
    }
    lost = print_comparison(images, matched, before, is_listing=is_listing)
    edited = pin_all(before)
    write_copy(tree, edited, out)
    planned = {get_reference_key(each.reference): each.candidates[0].digest for each in edited.applied_updates}
    unproved = [f"not verified: {each.reference.path}: {each.detail}" for each in edited.unproved_skips]
    wrong = [*list_misread(before, extract_references(HERE, WorkTree(out), load_all_formats()), planned)]
    wrong += [*list_misbuilt(matched, resolve_with_buildkit(WorkTree(out)), planned)]
    print(
        f"pinned: {len(planned)} references in {len(edited.changes)} files, {len(unproved)} not verified,"
        f" {len(wrong)} wrong"
    )
    print("".join(f"  {line}\n" for line in (*unproved, *wrong)), end="")
    return int(bool(lost or unproved or wrong))


def resolve_with_buildkit(tree: WorkTree) -> Images:
    images: dict[FilePath, list[ImagePull] | None] = {}
    for _, file in list_reads(tree, (dockerfile.FORMAT,)):
        try:
            text = file.content.decode()
        except UnicodeDecodeError:
            text = file.content.decode("latin-1")
        try:
            images[file.path] = list_pulls(text)
        except RefusedError:
            images[file.path] = None
    return images


def list_references(extracted: ExtractResult, path: FilePath) -> list[FoundReference]:
    readings = extracted.get_readings(path)
    dockerfiles = [each for each in readings if each.file_format.name == dockerfile.FORMAT.name]
    kept = {get_reference_key(each): each for each in extracted.references if each.path == path} if dockerfiles else {}
    return [
        kept[get_reference_key(reference)] if isinstance(reference, Reference) else reference
        for reading in dockerfiles
        for reference in reading.extracted
    ]


def pair_references(pulled: list[ImagePull], references: list[FoundReference]) -> ReferencePairs:
    """Return every pull with the reference on its lines (or None), followed by the references without a pull.

    If there are several references on the lines of a pull, a reference to the same image is preferred.
    """
    matched: ReferencePairs = []
    left = [*references]
    for pull in sorted(
        pulled, key=lambda pull: not any(is_same_reference(reference, pull) for reference in references)
    ):
        here = [reference for reference in left if pull.first_line <= reference.line_number <= pull.last_line]
        reference = next(
            (reference for reference in here if is_same_reference(reference, pull)), here[0] if here else None
        )
        if reference is not None:
            left.remove(reference)
        matched.append((pull, reference))
    return [*matched, *((None, reference) for reference in left)]


def is_same_reference(reference: FoundReference, pull: ImagePull) -> bool:
    on_its_lines = pull.first_line <= reference.line_number <= pull.last_line
    return on_its_lines and isinstance(reference, Reference) and str(reference.image) == pull.image.text


def describe_pair(pull: ImagePull | None, reference: FoundReference | None) -> str:
    match pull, reference:
        case None, UnsupportedText(reason=reason):
            return f"listed, and refused by BuildKit: {reason.value}"
        case None, _:
            return "found, and not pulled by BuildKit"
        case _, None:
            return "missed"
        case _, UnsupportedText(reason=reason):
            return f"listed: {reason.value}"
        case ImagePull(), Reference(digest_slot=digest) if is_same_reference(reference, pull):
            return f"listed: {digest.reason.value}" if isinstance(digest, NotEditable) else "agree"
        case _:
            return "different"


def print_comparison(
    images: Images, matched: Mapping[FilePath, ReferencePairs], extracted: ExtractResult, *, is_listing: bool
) -> int:
    """Print a comparison of the references, and return the number of missed or different ones."""
    counts = Counter(describe_pair(*pair) for pairs in matched.values() for pair in pairs)
    refused = [path for path, pulled in images.items() if pulled is None]
    print(f"Dockerfiles: {len(images)}, and {sum(pull is not None for pairs in matched.values() for pull, _ in pairs)}"
          f" references in them that BuildKit resolves")  # fmt: skip
    for title, count in sorted(counts.items(), key=lambda each: -each[1]):
        print(f"  {title}: {count}")
    in_refused = sum(len(list_references(extracted, path)) for path in refused)
    print(f"  in {len(refused)} files that BuildKit cannot read at all: {in_refused}")
    quiet = ("agree",) if is_listing else ("agree", "listed")
    for path, pairs in matched.items():
        for pull, reference in pairs:
            if not (description := describe_pair(pull, reference)).startswith(quiet):
                line = pull.first_line if pull else reference.line_number if reference else 0
                print(f"    {path}:{line} {description}: {pull and pull.image.text!r} {describe_reference(reference)}")
    return counts["missed"] + counts["different"]


def describe_reference(reference: FoundReference | None) -> str:
    if isinstance(reference, UnsupportedText):
        return repr(reference.text)
    return str(reference.image) if reference else "nothing"


def pin_all(extracted: ExtractResult) -> EditResult:
    """Update every editable reference to the digest of its tag, as a run does."""
    updates = []
    for reference in extracted.references:
        if isinstance(reference.digest_slot, EditSlot):
            line = reference.image.to_tag_ref() or TagRef(reference.image.repository, "latest")
            digest = Digest(f"sha256:{hashlib.sha256(str(line).encode()).hexdigest()}")
            updates.append(ImageUpdate(TrackedImage(reference, line, Policy()), (UpdateCandidate(digest),)))
    return edit_files(extracted, [each for each in reconcile_decisions(updates) if isinstance(each, ImageUpdate)])


def write_copy(tree: WorkTree, edited: EditResult, out: Path) -> None:
    changed = {change.path: change.content for change in edited.changes}
    entries = list(tree.list_entries())
    for entry, content in zip(entries, tree.read(entries), strict=True):
        if isinstance(content, bytes):
            target = out / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(changed.get(entry.path, content))


def list_misread(before: ExtractResult, after: ExtractResult, planned: Mapping[ReferenceKey, Digest]) -> Iterator[str]:
    """Yield a line for every reference that differs from the plan when the files are read again."""
    expected = {
        get_reference_key(reference): str(
            reference.image.with_digest(planned.get(get_reference_key(reference), reference.image.digest))
        )
        for reference in before.references
    }
    there = {get_reference_key(reference): str(reference.image) for reference in after.references}
    for key in sorted(expected.keys() | there.keys()):
        if expected.get(key) != there.get(key):
            yield f"wrong: {' '.join(key)} is {there.get(key)}, not {expected.get(key)}"
    texts = [
        Counter((reference.path, reference.text, reference.reason) for reference in each.unsupported)
        for each in (before, after)
    ]
    yield from (f"wrong: unsupported {key}" for key in (texts[0] - texts[1]) + (texts[1] - texts[0]))


def list_misbuilt(
    matched: Mapping[FilePath, ReferencePairs], images: Images, planned: Mapping[ReferenceKey, Digest]
) -> Iterator[str]:
    """Yield a line for every Dockerfile for which BuildKit does not pull the planned images."""
    for path, pairs in matched.items():
        expected = Counter(
            (
                pull.first_line,
                str(reference.image.with_digest(planned[get_reference_key(reference)]))
                if isinstance(reference, Reference)
                and is_same_reference(reference, pull)
                and get_reference_key(reference) in planned
                else pull.image.text,
            )
            for pull, reference in pairs
            if pull is not None
        )
        there = Counter((pull.first_line, pull.image.text) for pull in images.get(path) or ())
        if expected != there:
            yield f"wrong: {path} pulls {sorted(there - expected)}, not {sorted(expected - there)}"


if __name__ == "__main__":
    sys.exit(main())
