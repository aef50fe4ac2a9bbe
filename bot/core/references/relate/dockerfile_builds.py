"""Builds of Dockerfiles: the Dockerfile and the values of the build arguments, collected from all files of a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from bot.core.references.expansion import ExpandedText, ExpandedValues, expand_text
from bot.core.references.relate.folders import get_folder
from bot.core.references.tree_paths import is_remote_context, resolve_dockerfile, resolve_in_tree
from bot.model.cross_file import (
    BakeVariable,
    BuildArgument,
    CrossFileFact,
    DockerfileBuild,
    EnvironmentVariable,
    InterpolatedText,
    LiteralText,
    NamedFileUse,
)
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import Reason

MAX_MERGED_BUILDS = 50
"""The maximum number of files or services that describe one build. People write two or three."""
MAX_DOCKERFILES = 50
"""The maximum number of Dockerfiles that one build may use, if several files name its folder or its Dockerfile."""

MAX_ARGUMENTS = 1_000
"""The maximum number of arguments of one build. The largest public builds set about fifty."""

_COMPOSE = "compose"
_BAKE = "bake"
_FALLBACK_NAMES = {"Dockerfile": "dockerfile"}
"""The name that docker uses if the file with the default name does not exist."""


def collect_environment(facts: Iterable[CrossFileFact]) -> dict[str, dict[str, ExpandedText]]:
    """Return the variables that the `.env` file of each folder sets, by folder and name."""
    values: dict[str, dict[str, ExpandedText]] = defaultdict(dict)
    for fact in facts:
        if isinstance(fact, EnvironmentVariable):
            folder_values = values[get_folder(fact.path)]
            folder_values[fact.variable] = expand_text(fact.value, folder_values, fact)
    return values


def _collect_defaults(facts: Iterable[CrossFileFact]) -> dict[str, dict[str, ExpandedText]]:
    """Return the defaults of the variables in the bake files of each folder, by folder and name.

    A variable with several different defaults has no value, because it is unknown which of them applies.
    """
    variables = [each for each in facts if isinstance(each, BakeVariable)]
    ambiguous = {(get_folder(each.path), each.variable) for each in list_ambiguous_variables(variables)}
    values: dict[str, dict[str, ExpandedText]] = defaultdict(dict)
    for each in variables:
        folder = get_folder(each.path)
        if (folder, each.variable) not in ambiguous:
            values[folder][each.variable] = expand_text(each.value, values[folder])
    return values


def list_ambiguous_variables(facts: Iterable[CrossFileFact]) -> list[BakeVariable]:
    """Return each default of a variable of bake files that differs from an earlier default in the same folder."""
    first_values: dict[tuple[str, str], str] = {}
    return [
        each
        for each in facts
        if isinstance(each, BakeVariable)
        and first_values.setdefault((get_folder(each.path), each.variable), format_text(each.value))
        != format_text(each.value)
    ]


def resolve_named_files(facts: Sequence[CrossFileFact]) -> Iterator[tuple[NamedFileUse, FilePath | None]]:
    """Yield the files of the tree that other files name, each with the fact that names it.

    The path is None if a variable in it is not set. Files outside of the tree are left out.
    """
    uses = [each for each in facts if isinstance(each, NamedFileUse)]
    values = collect_environment(facts) if uses else {}
    for use in uses:
        text = _evaluate(use.named_path, values.get(get_folder(use.path), {}))
        path = None if text is None or is_remote_context(text) else resolve_in_tree(use.path, text)
        if text is None or path:
            yield use, path


def list_unresolved_names(facts: Sequence[CrossFileFact]) -> tuple[UnsupportedText, ...]:
    """Return the names of included files with a variable that is not set, and ambiguous variables in build contexts."""
    contexts = {
        (get_folder(each.path), each.variable)
        for each in facts
        if isinstance(each, BakeVariable) and each.is_used_in_context
    }
    unresolved = [
        (use.path, use.line_number, use.named_path) for use, path in resolve_named_files(facts) if path is None
    ]
    unresolved += [
        (each.path, each.line_number, each.value)
        for each in (list_ambiguous_variables(facts) if contexts else ())
        if (get_folder(each.path), each.variable) in contexts
    ]
    return tuple(
        UnsupportedText(path, line_number, format_text(text), Reason.UNRESOLVED_ARGUMENT)
        for path, line_number, text in unresolved
    )


@dataclass(frozen=True, slots=True)
class ResolvedArgument:
    """A build argument whose value was evaluated."""

    argument: BuildArgument
    path: FilePath
    value: str | None
    """None if a variable in the value is not set, or if the value is an image that the same file builds."""

    @property
    def is_built_image(self) -> bool:
        return self.argument.value is None


@dataclass(frozen=True, slots=True)
class ResolvedBuild:
    """A build, merged with all other builds of the same name."""

    build: DockerfileBuild
    dockerfiles: tuple[FilePath, ...]
    """The Dockerfiles that the build may use, which need not exist. Empty if the Dockerfile is inline or unknown."""
    inline_dockerfile: bytes | None
    arguments: Mapping[str, ResolvedArgument]
    unresolved_path: str = ""
    """The path of the Dockerfile as it is written, if a variable in it is not set; otherwise empty."""
    has_too_many_parts: bool = False
    """True if some descriptions of the build were left out because of a limit."""


def resolve_builds(facts: Sequence[CrossFileFact]) -> list[ResolvedBuild]:
    """Return all builds of Dockerfiles, with evaluated paths and arguments.

    The values in a build file take precedence over those in other files with the same build, because it is unknown in
    which order a user names the files. The values of `.env` files apply to the Compose files in the same folder, and
    the defaults of variables in bake files to the bake files in the same folder.
    """
    builds = [each for each in facts if isinstance(each, DockerfileBuild)]
    if not builds:
        return []
    values = {_COMPOSE: collect_environment(facts), _BAKE: _collect_defaults(facts)}
    evaluated = [
        _EvaluatedBuild.evaluate(build, values.get(build.format_name, {}).get(get_folder(build.path), {}))
        for build in builds
    ]
    return [merged for group in _group_by_name(evaluated) for merged in _merge_group(group)]


@dataclass(frozen=True, slots=True)
class _EvaluatedBuild:
    """The part of a build that one file describes. Texts are None if a variable in them is not set."""

    build: DockerfileBuild
    context: str | None
    dockerfile: str | None
    arguments: Mapping[str, ResolvedArgument]

    @classmethod
    def evaluate(cls, build: DockerfileBuild, values: ExpandedValues) -> _EvaluatedBuild:
        arguments = {
            each.name: ResolvedArgument(each, build.path, text)
            for each in build.arguments[:MAX_ARGUMENTS]
            for text in [_evaluate(each.value, values) if each.value is not None else None]
            if text is not None or not each.is_optional
        }
        return cls(build, _evaluate(build.context, values), _evaluate(build.dockerfile, values), arguments)

    def merge(self, others: Sequence[_EvaluatedBuild]) -> ResolvedBuild:
        """Return the build that results if the values of `others` apply wherever this build has none."""
        arguments = dict(chain.from_iterable(each.arguments.items() for each in (*others, self)))
        is_inline = self.build.inline_dockerfile is not None
        is_unresolved = not is_inline and (self.context is None or self.dockerfile is None)
        inline = self.build.inline_dockerfile
        if inline is None and not self.build.dockerfile:
            inline = next((each for other in others if (each := other.build.inline_dockerfile) is not None), None)
        paths = () if inline is not None or is_unresolved else self._list_dockerfiles(others)
        dockerfiles = tuple(islice(dict.fromkeys(paths), MAX_DOCKERFILES + 1))
        return ResolvedBuild(
            self.build,
            dockerfiles[:MAX_DOCKERFILES],
            inline,
            arguments,
            _format_path(self.build) if is_unresolved else "",
            has_too_many_parts=len(dockerfiles) > MAX_DOCKERFILES or len(self.build.arguments) > MAX_ARGUMENTS,
        )

    def _list_dockerfiles(self, others: Sequence[_EvaluatedBuild]) -> Iterator[FilePath]:
        contexts = _list_values((each.build.path, each.context) for each in (self, *others)) or [(self.build.path, "")]
        files = _list_values((each.build.path, each.dockerfile) for each in (self, *others)) or [(self.build.path, "")]
        for path, context in contexts[:1] if self.context else contexts:
            for _, dockerfile in files[:1] if self.dockerfile else files:
                found = resolve_dockerfile(path, context, dockerfile)
                if found is not None:
                    yield found
                    folder, slash, name = found.rpartition("/")
                    if not dockerfile and name in _FALLBACK_NAMES:
                        yield FilePath(folder + slash + _FALLBACK_NAMES[name])


def _merge_group(group: Sequence[_EvaluatedBuild]) -> Iterator[ResolvedBuild]:
    """Yield each build of a group, merged with all others up to the limit."""
    merged = group[:MAX_MERGED_BUILDS]
    for index, each in enumerate(merged):
        yield each.merge([*merged[:index], *merged[index + 1 :]])
    for each in group[MAX_MERGED_BUILDS:]:
        yield replace(each.merge([]), has_too_many_parts=True)


def _list_values(values: Iterable[tuple[FilePath, str | None]]) -> list[tuple[FilePath, str]]:
    return list(dict.fromkeys((path, value) for path, value in values if value))


def _evaluate(text: InterpolatedText, values: ExpandedValues) -> str | None:
    """Return the text with its variables replaced, or None if one of them is not set."""
    expanded = expand_text(text, values)
    return None if expanded.missing_variables else expanded.text


def format_text(text: InterpolatedText) -> str:
    """Return a text with the names of its variables."""
    return "".join(part.text if isinstance(part, LiteralText) else f"${{{part.variable}}}" for part in text)


def _format_path(build: DockerfileBuild) -> str:
    """Return the folder and the Dockerfile of a build, with the names of their variables."""
    return "/".join(format_text(text) for text in (build.context, build.dockerfile) if text)


def _group_by_name(builds: Sequence[_EvaluatedBuild]) -> list[list[_EvaluatedBuild]]:
    """Return the builds in groups that are connected by common names. A build without a name is a group of its own."""
    parents: dict[tuple[str, str], tuple[str, str]] = {}

    def find_root(key: tuple[str, str]) -> tuple[str, str]:
        while parents.setdefault(key, key) != key:
            parents[key] = parents[parents[key]]
            key = parents[key]
        return key

    for each in builds:
        keys = [(each.build.format_name, name) for name in each.build.names]
        for key in keys[1:]:
            parents[find_root(key)] = find_root(keys[0])
    groups: dict[object, list[_EvaluatedBuild]] = defaultdict(list)
    for number, each in enumerate(builds):
        names = each.build.names
        groups[find_root((each.build.format_name, names[0])) if names else number].append(each)
    return list(groups.values())
