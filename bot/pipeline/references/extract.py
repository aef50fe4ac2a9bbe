"""Read the files of one tree, and extract all image references.

A format extracts references from one kind of file. It can also extract cross-file facts, which affect references in
other files.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.core.budgets import TreeBudget
from bot.core.references.ignore_comments import IgnoreCommentFinder
from bot.core.references.links import ResolvedLinks, resolve_links
from bot.core.references.policy import spend_rule_steps
from bot.core.references.relate import apply_cross_file_facts
from bot.core.references.unread_texts import leave_out_read_texts
from bot.model.cost_limits import MAX_PATH_FOLDERS, MAX_TREE_UNREAD_TEXTS
from bot.model.errors import ConfigError, ConfigProblem, TreeError
from bot.model.extracted_item import ExtractedReferences
from bot.model.forge import GitRepository, TreeEntry
from bot.model.path_index import index_paths
from bot.model.report import RunFailure
from bot.model.source import FilePath, Reference, UnreadText, UnsupportedText
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.references.file_reading import MAX_FILE_BYTES, FileReading, SelectedFile
from bot.pipeline.references.reader_slots import ReaderSlots, TreeReader
from bot.ports import FileFormat, FileTree, RulesReader

if TYPE_CHECKING:  # for annotations only, so that the start does not load these modules
    from bot.model.cross_file import CrossFileFact
    from bot.model.policy import PolicyRule
    from bot.ports import FileHistory


MAX_NAMED_FILES = 1_000
"""The maximum number of files in one tree that are read because other files name them. A forge may need a request for
each of them. A public repository with the deployments of a whole cluster names about a hundred values files."""

_DOCKERFILE = "dockerfile"
_HELM = "helm"
_KUBERNETES = "kubernetes"


def select_named_values(
    entries: Mapping[FilePath, TreeEntry],
    selected: Sequence[SelectedFile],
    readings: Sequence[FileReading],
    formats: Collection[FileFormat],
) -> list[SelectedFile]:
    """Return the files of the tree that other files name as values files, and that were not yet read as such.

    A file in which another format found something is left out. The format `kubernetes` does not count, because it reads
    every YAML file, and the reader of values files skips Kubernetes objects.

    Args:
        entries: The files of the tree by path.
        selected: The files that formats selected by their names.
        readings: The readings of these files.
        formats: The formats in use. If `helm` is not one of them, nothing is selected.
    """
    if not any(each.facts for each in readings) or all(each.name != _HELM for each in formats):
        return []
    # The imports are here, so that small trees without facts load neither module.
    from bot.formats.helm import NAMED_VALUES_FORMAT
    from bot.model.chart_facts import ValuesFileUse

    facts = (fact for each in readings for fact in each.facts)
    named = entries.keys() & {fact.values_path for fact in facts if isinstance(fact, ValuesFileUse)}
    named_files = (each for each in selected if each.entry.path in named)
    named -= {each.entry.path for each in named_files if any(used.name == _HELM for used in each.formats)}
    named -= {each.file.path for each in readings if each.file_format.name != _KUBERNETES}
    return [SelectedFile(entries[path], (NAMED_VALUES_FORMAT,)) for path in sorted(named)]


MAX_INCLUDE_DEPTH = 10
"""The maximum number of files that name each other in a row, such as compose files that include others. The next file
is reported as unread."""


def select_included_files(
    entries: Mapping[FilePath, TreeEntry],
    links: ResolvedLinks,
    readings: Sequence[FileReading],
    formats: Collection[FileFormat],
) -> list[SelectedFile]:
    """Return the files of the tree that other files name for a build or an include, and that were not yet read as such.

    Args:
        entries: The files of the tree by path.
        links: The symbolic links of the tree.
        readings: The readings of the files that were already read.
        formats: The formats in use.
    """
    if not any(each.facts for each in readings):
        return []
    # The imports are here, so that small trees without facts load none of the modules.
    from bot.core.references.relate.dockerfile_builds import resolve_builds, resolve_named_files
    from bot.formats import FormatWithGlobs

    facts = [fact for each in readings for fact in each.facts]
    named = [(path, use.format_name) for use, path in resolve_named_files(facts) if path is not None]
    named += [(path, _DOCKERFILE) for build in resolve_builds(facts) for path in build.dockerfiles]
    uses = {(links.targets.get(path, path), format_name) for path, format_name in named}
    uses -= {(each.file.path, each.file_format.name) for each in readings}
    formats_by_name = {each.name: each for each in formats}
    return [
        SelectedFile(entries[path], (FormatWithGlobs(formats_by_name[name], ("**",)),))
        for path, name in sorted(uses)
        if path in entries and name in formats_by_name
    ]


MAX_SEARCHED_BYTES = 16 * 1024 * 1024
"""The maximum number of bytes of unparsed files that are searched for the names of images, once for each branch without
a desired proposal. The search for a thousand branches takes less than a minute."""

REPOSITORY_CONFIG_PATHS = tuple(map(FilePath, (".github/basebump.yaml", ".gitlab/basebump.yaml", ".basebump.yaml")))
"""Possible paths of a repository's own config file. The first file that exists is used."""


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """The image references of one tree, its unread files, and the rules of the repository's own config file."""

    repository: GitRepository
    readings: tuple[FileReading, ...] = ()
    """The files that contain references or facts, sorted by path."""
    extracted: ExtractedReferences = ()
    """The references of all readings, after cross-file facts and ignore comments were applied."""
    unread_files: tuple[UnsupportedText, ...] = ()
    """Files that were not read, because they or the files before them are too large."""
    unread_texts: tuple[UnreadText, ...] = ()
    """Texts that look like image references and that no format reads, at most MAX_TREE_UNREAD_TEXTS. Empty if the
    format that finds them is not one of the formats in use."""
    failures: tuple[RunFailure, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    """Rules of the repository's own config file."""
    blocked_reason: str = ""
    """A sentence that says why the whole repository is not processed; empty if it is processed."""
    has_repository_config: bool = False
    """True if the repository has a config file of its own, which may be invalid."""
    history: FileHistory | None = None
    """The earlier contents of the files; None if the tree has no history."""
    has_unread_files: bool = False
    """True if some files were not read, because the tree is truncated, a file is too large, or reading failed."""

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(each for each in self.extracted if isinstance(each, Reference))

    def may_hide_image(self, repository: str) -> bool:
        """Return True if a file that could not be read or parsed might use the image of `repository`.

        A file that was not read may contain any image. A file that was read but not parsed may contain the image if the
        last part of the image's name (`nginx` of `docker.io/library/nginx`) is among its bytes, in any encoding. If
        there are more than MAX_SEARCHED_BYTES of such files, they are not searched, and may contain any image.
        """
        if self.has_unread_files:
            return True
        contents = [each.file.content for each in self.readings if any(map(_is_unread, each.extracted))]
        if sum(map(len, contents)) > MAX_SEARCHED_BYTES:
            return True
        name = repository.rpartition("/")[2]
        spellings = [name.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
        return any(spelling in content for content in contents for spelling in spellings)

    def get_readings(self, path: FilePath) -> Sequence[FileReading]:
        """Return the readings of one file, one for each format; empty if no format found anything in it."""
        first = bisect_left(self.readings, path, key=_get_path)
        return self.readings[first : bisect_right(self.readings, path, key=_get_path)]

    def replace_readings(self, new_readings: Sequence[FileReading]) -> Sequence[FileReading]:
        """Return the readings of all files, with `new_readings` in place of the old readings of the same file."""
        path = new_readings[0].file.path
        first = bisect_left(self.readings, path, key=_get_path)
        last = bisect_right(self.readings, path, key=_get_path)
        return (*self.readings[:first], *new_readings, *self.readings[last:])

    @property
    def unsupported(self) -> tuple[UnsupportedText, ...]:
        found = [each for each in self.extracted if isinstance(each, UnsupportedText)]
        return tuple(sorted([*found, *self.unread_files], key=lambda each: (each.path, each.line_number)))


def extract_references(
    repository: GitRepository,
    tree: FileTree,
    formats: Sequence[FileFormat],
    read_rules: RulesReader | None = None,
    tree_budget: TreeBudget | None = None,
    reader_slots: ReaderSlots | None = None,
    enclosing_rules: tuple[PolicyRule, ...] = (),
) -> ExtractResult:
    """Read the files that any format selects, and extract their image references.

    A file that cannot be read is reported as a failure. If `read_rules` is given, the repository's own config file is
    read, too, and `read_rules` parses it. If there is none, `enclosing_rules` apply instead: the rules of the
    repository around the tree. The contents of the files are taken from `tree_budget`, or from a new budget if it is
    None. If it is exceeded, the remaining files are not read, and a failure is reported.

    Worker processes help to read a large tree if `reader_slots` has some left. The result does not depend on them.

    Raises:
        TreeError: If the tree cannot be listed, or the repository's own config file cannot be read. Also if applying
            the repository's rules and the cross-file facts to the references exceeds the budget (WorkLimitError).
        ConfigError: If the repository's own config file is not valid.
    """
    tree_budget = tree_budget or TreeBudget()
    with TreeReader(tree, formats, reader_slots) as reader:
        entries, deep_file_count = _index_entries(reader.list_entries(), tree_budget)
        rules = _load_repository_rules(entries, tree, read_rules) if read_rules is not None else None
        resolved_links = _resolve_links(tree, entries, tree_budget)
        read_result = _read_tree(repository, entries, formats, tree_budget, reader, resolved_links)
    failures = [
        RunFailure(_format_subject(repository, folder), FailureStage.SURVEY, str(error))
        for folder, error in tree.unlisted_folders
    ]
    if deep_file_count:
        failures.append(_report_deep_files(repository, deep_file_count))
    readings = read_result.readings
    failures += read_result.failures
    references = relate_references(readings, repository=repository, tree_budget=tree_budget)
    tree_budget.spend_added_references(len(references) - sum(len(reading.extracted) for reading in readings))
    own_rules = rules if rules is not None else enclosing_rules
    spend_rule_steps(own_rules, references, tree_budget)
    return ExtractResult(
        repository=repository,
        readings=tuple(readings),
        extracted=references,
        unread_files=(
            *(UnsupportedText(path, 1, "", Reason.TOO_LARGE) for path in read_result.unread_paths),
            *(UnsupportedText(path, 1, "", Reason.UNREADABLE_LINK) for path in read_result.unreadable_links),
        ),
        unread_texts=leave_out_read_texts(read_result.unread_texts, references),
        failures=tuple(failures),
        rules=own_rules,
        has_repository_config=rules is not None,
        history=tree.history,
        has_unread_files=not tree.is_complete or bool(read_result.unread_paths) or bool(failures),
    )


def _index_entries(tree_entries: Iterable[TreeEntry], tree_budget: TreeBudget) -> tuple[dict[FilePath, TreeEntry], int]:
    """Return the files of a tree by path, and the number of other files, which are in more than MAX_PATH_FOLDERS.

    Raises:
        WorkLimitError: If all paths together are too long.
    """
    entries: dict[FilePath, TreeEntry] = {}
    deep_file_count = 0
    for entry in tree_entries:
        tree_budget.spend_path(entry.path)
        if entry.path.count("/") > MAX_PATH_FOLDERS:
            deep_file_count += 1
        else:
            entries[entry.path] = entry
    return entries, deep_file_count


def _report_deep_files(repository: GitRepository, count: int) -> RunFailure:
    return RunFailure(
        repository.name or ".",
        FailureStage.SURVEY,
        f"{count} files were not read, because they are in more than {MAX_PATH_FOLDERS} nested folders; hint: move the "
        "files, or remove generated files",
    )


@dataclass(slots=True)
class _ReadResult:
    """The readings of the files of a tree, and the files that were not read."""

    readings: list[FileReading] = field(default_factory=list)
    unread_texts: list[UnreadText] = field(default_factory=list)
    unread_paths: list[FilePath] = field(default_factory=list)
    """The files that are too large, and the files after the one that exceeded the budget."""
    failures: list[RunFailure] = field(default_factory=list)
    unreadable_links: Sequence[FilePath] = ()
    """The symbolic links that a format would read, but that lead to no file of the tree."""
    has_exceeded_budget: bool = False

    def add_named_files(self, other: _ReadResult, unread_files: Sequence[SelectedFile]) -> None:
        """Add the result of reading the files that other files name, and those that were too many to be read.

        The first result may already contain other readings of these files, so the readings are sorted by path again.
        """
        self.readings = sorted([*self.readings, *other.readings], key=_get_path)
        unread_paths = [*other.unread_paths, *(each.entry.path for each in unread_files)]
        self.unread_paths += [path for path in unread_paths if path not in self.unread_paths]
        self.failures += [failure for failure in other.failures if failure not in self.failures]


def _read_tree(
    repository: GitRepository,
    entries: Mapping[FilePath, TreeEntry],
    formats: Sequence[FileFormat],
    tree_budget: TreeBudget,
    reader: TreeReader,
    links: ResolvedLinks,
) -> _ReadResult:
    """Read the files that formats select, and the files that these files name."""
    selected, unreadable_links = _select_files(entries, formats, links)
    result = _read_files(repository, selected, tree_budget, reader)
    result.unreadable_links = unreadable_links
    named_values = select_named_values(entries, selected, result.readings, formats)
    if named_values and not result.has_exceeded_budget:
        named_result = _read_files(repository, named_values[:MAX_NAMED_FILES], tree_budget, reader)
        result.add_named_files(named_result, named_values[MAX_NAMED_FILES:])
    finished: set[tuple[FilePath, str]] = set()
    for depth in range(MAX_INCLUDE_DEPTH + 1):
        included = [
            each
            for each in select_included_files(entries, links, result.readings, formats)
            if (each.entry.path, each.formats[0].name) not in finished
        ]
        if not included or result.has_exceeded_budget:
            break
        finished |= {(each.entry.path, each.formats[0].name) for each in included}
        count = MAX_NAMED_FILES if depth < MAX_INCLUDE_DEPTH else 0
        named_result = _read_files(repository, included[:count], tree_budget, reader)
        result.add_named_files(named_result, included[count:])
        result.has_exceeded_budget = named_result.has_exceeded_budget
    return result


def _read_files(
    repository: GitRepository, selected: Sequence[SelectedFile], tree_budget: TreeBudget, reader: TreeReader
) -> _ReadResult:
    """Read the selected files until the budget is exceeded."""
    result = _ReadResult(unread_paths=[each.entry.path for each in selected if each.is_too_large])
    readable = [each for each in selected if not each.is_too_large]
    with closing(reader.read(readable)) as all_contents:
        for number, contents in enumerate(all_contents):
            path = readable[number].entry.path
            if isinstance(contents, TreeError):
                result.failures.append(
                    RunFailure(_format_subject(repository, path), FailureStage.SURVEY, str(contents))
                )
            elif contents.size > MAX_FILE_BYTES:
                result.unread_paths.append(path)
            else:
                exceeded_limit = tree_budget.take_file(contents.reference_count, contents.fact_count, contents.size)
                if exceeded_limit:
                    result.failures.append(_report_exceeded_limit(repository, path, exceeded_limit))
                    result.unread_paths += [each.entry.path for each in readable[number:]]
                    result.has_exceeded_budget = True
                    break
                result.readings += contents.readings
                result.unread_texts += contents.unread_texts[: MAX_TREE_UNREAD_TEXTS - len(result.unread_texts)]
    return result


def _report_exceeded_limit(repository: GitRepository, path: FilePath, limit: str) -> RunFailure:
    return RunFailure(
        repository.name or path,
        FailureStage.SURVEY,
        f"{path} and the files after it were not read, because basebump reads at most {limit}; hint: split the "
        "repository, or remove generated files",
    )


def _load_repository_rules(
    entries: Mapping[FilePath, TreeEntry], tree: FileTree, read_rules: RulesReader
) -> tuple[PolicyRule, ...] | None:
    """Return the rules of the repository's own config file. Return None if there is no such file.

    Raises:
        TreeError: If the file cannot be read.
        ConfigError: If the file is too large, or not valid.
    """
    config_entry = next((entries[path] for path in REPOSITORY_CONFIG_PATHS if path in entries), None)
    if config_entry is None:
        return None
    if config_entry.size is not None and config_entry.size > MAX_FILE_BYTES:
        raise ConfigError(
            config_entry.path,
            (ConfigProblem("", f"the file was not read, because it has more than {MAX_FILE_BYTES} bytes"),),
        )
    (content,) = tree.read([config_entry])
    if isinstance(content, TreeError):
        raise content
    return read_rules(content, config_entry.path)


def relate_references(
    readings: Sequence[FileReading],
    additional_facts: Sequence[CrossFileFact] = (),
    *,
    repository: GitRepository | None = None,
    tree_budget: TreeBudget | None = None,
) -> ExtractedReferences:
    """Return the references of all files, after applying cross-file facts and ignore comments.

    Args:
        readings: The readings of all files.
        additional_facts: Further facts, which do not come from files.
        repository: The repository. It states the branch to which the files belong, because some facts, such as a
            Dependabot entry, apply to only one branch. If it is None or has no base branch, the branch is unknown.
        tree_budget: The budget from which the steps are taken. If it is None, a new budget is used.

    Raises:
        WorkLimitError: If the budget is exceeded.
    """
    facts = [*(remark for reading in readings for remark in reading.facts), *additional_facts]
    if facts and repository is not None and repository.base_branch is not None:
        from bot.model.cross_file import TreeBranch

        facts.append(TreeBranch(repository.base_branch, repository.is_default_base))
    built = _list_built_images(readings, facts) if facts else ()
    extracted = (*(reading.extracted for reading in readings), built)
    references = apply_cross_file_facts(extracted, facts, tree_budget)
    commented_readings = [reading for reading in readings if reading.may_have_ignore_comments]
    return _add_ignore_comments(references, commented_readings) if commented_readings else references


def _list_built_images(readings: Sequence[FileReading], facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Return the images that builds use instead of the defaults in Dockerfiles, and names that are not resolved."""
    from bot.core.references.relate.dockerfile_builds import list_unresolved_names, resolve_builds

    unresolved = list_unresolved_names(facts)
    builds = resolve_builds(facts)
    if not builds:
        return unresolved
    from bot.pipeline.references.built_images import list_built_images

    contents = {each.file.path: each.file.content for each in readings if each.file_format.name == _DOCKERFILE}
    return (*unresolved, *list_built_images(builds, contents))


def _add_ignore_comments(references: ExtractedReferences, readings: Sequence[FileReading]) -> ExtractedReferences:
    """Add the ignore comments in the files of `readings` to the references that they apply to."""
    paths = {reference.path for reference in references}
    finders = {
        reading.file.path: IgnoreCommentFinder(
            reading.file.content, at_line_end=reading.file_format.has_line_end_comments
        )
        for reading in readings
        if reading.file.path in paths
    }
    return tuple(_add_ignore_comment(reference, finders) for reference in references)


def _add_ignore_comment(
    reference: Reference | UnsupportedText, finders: Mapping[FilePath, IgnoreCommentFinder]
) -> Reference | UnsupportedText:
    if isinstance(reference, UnsupportedText) or reference.path not in finders:
        return reference
    numbers = (reference.line_number, *reference.related_lines)
    return replace(reference, ignore_comment=finders[reference.path].find_comment(numbers))


def _get_path(reading: FileReading) -> FilePath:
    return reading.file.path


def _is_unread(reference: Reference | UnsupportedText) -> bool:
    return isinstance(reference, UnsupportedText) and reference.reason.facts.is_whole_file


_NO_LINKS = ResolvedLinks({}, frozenset())


def _resolve_links(tree: FileTree, entries: Mapping[FilePath, TreeEntry], tree_budget: TreeBudget) -> ResolvedLinks:
    """Return the files to which the symbolic links of a tree lead.

    Raises:
        WorkLimitError: If all paths together, including those through links, are too long.
    """
    if not tree.links:
        return _NO_LINKS
    resolved = resolve_links(tree.links, entries.keys())
    for path in (*resolved.targets, *resolved.unreadable):
        tree_budget.spend_path(path)
    return resolved


def _select_files(
    entries: Mapping[FilePath, TreeEntry], formats: Sequence[FileFormat], links: ResolvedLinks
) -> tuple[list[SelectedFile], Sequence[FilePath]]:
    """Return the files that formats select, and the unreadable links that formats select.

    A file is read once, with the formats that select its own path or the path of a link to it.
    """
    paths = entries.keys() | links.targets.keys() | links.unreadable if links is not _NO_LINKS else entries.keys()
    formats_by_path = select_formats(paths, formats)
    formats_by_file: dict[FilePath, Sequence[FileFormat]] = {}
    unreadable = sorted(links.unreadable & formats_by_path.keys()) if links.unreadable else ()
    for path, path_formats in formats_by_path.items():
        target = links.targets.get(path, path)
        if target in formats_by_file:
            either = (*formats_by_file[target], *path_formats)
            formats_by_file[target] = [each for each in formats if each in either]
        elif target in entries:
            formats_by_file[target] = path_formats
    return [SelectedFile(entries[path], tuple(formats_by_file[path])) for path in sorted(formats_by_file)], unreadable


def select_formats(
    paths: Collection[FilePath], formats: Sequence[FileFormat]
) -> Mapping[FilePath, Sequence[FileFormat]]:
    """Return the formats that read each file, by path. A path that no format selects is left out.

    `paths` are the paths of all files of a tree, because the files beside a file can determine whether it is selected.
    """
    index = index_paths(paths)
    formats_by_path: defaultdict[FilePath, list[FileFormat]] = defaultdict(list)
    for file_format in formats:
        for path in file_format.select_paths(index):
            formats_by_path[path].append(file_format)
    return formats_by_path


def _format_subject(repository: GitRepository, path: FilePath) -> str:
    return f"{repository.name}/{path}" if repository.name else path
