"""List the images that builds use instead of the defaults in their Dockerfiles, because they set build arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from bot.core.references.relate.dockerfile_builds import ResolvedArgument, ResolvedBuild
from bot.formats._syntax.dockerfile.reader import FRONTEND_ARGUMENT, read_dockerfile
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.cost_limits import MAX_FILE_REFERENCES
from bot.model.source import FilePath, NotEditable, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

MAX_READ_BYTES = 32 * 1024 * 1024
"""The maximum number of bytes of Dockerfiles in one tree that are read again with the arguments of builds. The
Dockerfiles of a large repository have about a megabyte, and most are built with one set of arguments."""
BUILD_WORK = 4 * 1024
"""The work for one build, in bytes of a Dockerfile that can be read in the same time."""

_Item = Reference | UnsupportedText
_DOCKERFILE = "dockerfile"


def list_built_images(
    builds: Sequence[ResolvedBuild], dockerfiles: Mapping[FilePath, bytes]
) -> Iterator[Reference | UnsupportedText]:
    """Yield the images that builds use because of their arguments, at the lines that set the arguments.

    An image that the Dockerfile also names without the build is left out. A text is yielded as unsupported if a
    variable in it is not set, or if a limit was exceeded.

    Args:
        builds: The builds of the tree.
        dockerfiles: The contents of the Dockerfiles that were read, by path.
    """
    lister = _BuiltImageLister(dockerfiles, MAX_READ_BYTES)
    for build in builds:
        yield from lister.list_images(build)


@dataclass(slots=True)
class _BuiltImageLister:
    """Lists the images of builds, each once, within the limit of one tree."""

    dockerfiles: Mapping[FilePath, bytes]
    remaining_bytes: int
    defaults: dict[bytes, dict[int, _Item]] = field(default_factory=dict)
    """The images of each Dockerfile without any build arguments, by content and line."""
    finished: set[object] = field(default_factory=set)
    """The Dockerfiles and arguments that were read, and the texts that were yielded."""
    counts: Counter[tuple[FilePath, int, str]] = field(default_factory=Counter)

    def list_images(self, resolved: ResolvedBuild) -> Iterator[Reference | UnsupportedText]:
        build = resolved.build
        if resolved.unresolved_path:
            yield from self._report(build.path, build.line_number, resolved.unresolved_path, Reason.UNRESOLVED_ARGUMENT)
        if resolved.has_too_many_parts:
            yield from self._report(build.path, build.line_number, "", Reason.TOO_LARGE)
        values = {
            name.encode(errors="replace"): None if each.value is None else each.value.encode(errors="replace")
            for name, each in resolved.arguments.items()
        }
        if not values:
            return
        yield from self._read_frontend(resolved)
        contents = [(path, self.dockerfiles[path]) for path in resolved.dockerfiles if path in self.dockerfiles]
        if resolved.inline_dockerfile is not None:
            contents = [(build.path, resolved.inline_dockerfile)]
        for path, content in contents:
            key = (path, content, tuple(values.items()), tuple(each.path for each in resolved.arguments.values()))
            if key in self.finished:
                continue
            self.finished.add(key)
            self.remaining_bytes -= len(content) + BUILD_WORK
            if self.remaining_bytes < 0:
                yield from self._report(build.path, build.line_number, "", Reason.TOO_LARGE)
                return
            for item in islice(read_dockerfile(content, path, _DOCKERFILE, values), MAX_FILE_REFERENCES):
                yield from self._convert(item, path, content, resolved)

    def _read_frontend(self, resolved: ResolvedBuild) -> Iterator[Reference | UnsupportedText]:
        """Yield the image of the Dockerfile frontend that a build sets."""
        argument = resolved.arguments.get(FRONTEND_ARGUMENT.decode())
        if argument is None or argument.value == "":
            return
        line_number = argument.argument.line_number
        if argument.value is None:
            yield from self._report(
                argument.path, line_number, f"${{{argument.argument.name}}}", Reason.UNRESOLVED_ARGUMENT
            )
            return
        position = ReferencePosition(argument.path, resolved.build.format_name, Role.BASE, line_number, "")
        found = position.read_reference(argument.value.partition(" ")[0], 0)
        if isinstance(found, UnsupportedText):
            yield from self._report(argument.path, line_number, argument.value, found.reason)
        else:
            yield from self._place(found, argument, resolved, "replaces the frontend of the Dockerfile")

    def _convert(
        self, item: Reference | UnsupportedText, path: FilePath, content: bytes, resolved: ResolvedBuild
    ) -> Iterator[Reference | UnsupportedText]:
        """Yield an image of a Dockerfile with the position of the argument on which it depends.

        Yield nothing if it depends on no argument of the build, or if the build does not change it.
        """
        used = [resolved.arguments[name] for name in item.variables if name in resolved.arguments]
        if not used or any(each.is_built_image for each in used):
            return
        argument = next((each for each in used if each.path == resolved.build.path), used[0])
        default = self._find_default(item, path, content)
        if isinstance(item, UnsupportedText):
            if not item.reason.facts.is_whole_file and not isinstance(default, UnsupportedText):
                yield from self._report(argument.path, argument.argument.line_number, item.text, item.reason)
        elif not isinstance(default, Reference) or default.image != item.image:
            note = f"replaces the default of {argument.argument.name} in {path}:{item.line_number}"
            yield from self._place(item, argument, resolved, note)

    def _find_default(self, item: _Item, path: FilePath, content: bytes) -> _Item | None:
        """Return the image or text in the line of `item` if no build arguments are set; None if there is neither."""
        if content not in self.defaults:
            found = read_dockerfile(content, path, _DOCKERFILE)
            self.defaults[content] = {each.line_number: each for each in found}
        return self.defaults[content].get(item.line_number)

    def _place(
        self, reference: Reference, argument: ResolvedArgument, resolved: ResolvedBuild, note: str
    ) -> Iterator[Reference]:
        """Yield the reference with the position of an argument, unless it was already yielded there."""
        line_number, name = argument.argument.line_number, argument.argument.name
        key = (argument.path, line_number, reference.image)
        if key in self.finished:
            return
        self.finished.add(key)
        position = (argument.path, line_number, name)
        self.counts[position] += 1
        yield replace(
            reference,
            path=argument.path,
            line_number=line_number,
            format=resolved.build.format_name,
            locator=f"build-argument/{line_number}/{name}#{self.counts[position]}",
            written=argument.value or f"${{{name}}}",
            digest_slot=NotEditable(Reason.BUILD_ARGUMENT),
            tag_slot=NotEditable(Reason.BUILD_ARGUMENT),
            variables=(),
            related_lines=(),
            notes=(note,),
        )

    def _report(self, path: FilePath, line_number: int, written: str, reason: Reason) -> Iterator[UnsupportedText]:
        key = (path, line_number, written, reason)
        if key not in self.finished:
            self.finished.add(key)
            yield UnsupportedText(path, line_number, written, reason)
