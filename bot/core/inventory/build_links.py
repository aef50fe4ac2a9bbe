"""Find out which own image is built from which file of which base branch.

The evidence is used in this order, and the first kind that exists for an image decides about it: an entry of the
config, a run of a build task, provenance, and the label with the source. If this evidence does not lead to a single
file of one base branch, the file is unknown. Labels and provenance are untrusted: whoever can push an image can claim
any source in them. A link only names a file that the config already selects. For each file, only the links with the
strongest evidence count, and reports show the evidence. No proposal depends on a link.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from bot.core.references.git_context import parse_context
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.image_name import Digest
from bot.model.own_build import ConfiguredBuild, OwnBuild
from bot.model.stage_facts import DockerfileKey

_STRENGTH = tuple(LinkEvidence)
_NEVER = datetime.min.replace(tzinfo=UTC)
_AZURE_PATH = "/_git/"
"""The part of URLs on Azure DevOps that separates the project from the repository."""


_Sources = Mapping[tuple[str | None, Digest], tuple[str | None, str | None]]
"""The source and the revision of own images, by repository and digest."""


class BuildLinker:
    """Links own images to the files of a fleet from which they are built."""

    def __init__(self, files: Mapping[DockerfileKey, Collection[str]]) -> None:
        """Prepare the search.

        `files` are the files of the fleet from which images are built, each with the canonical names of the
        repositories of its base images.
        """
        self._files = files
        self._by_name: dict[str, list[DockerfileKey]] = defaultdict(list)
        self._by_address: dict[str, list[DockerfileKey]] = defaultdict(list)
        for file in sorted(files):
            key, _ = file
            self._by_name[key.repository.lower()].append(file)
            self._by_address[f"{key.host}/{key.repository}".lower()].append(file)

    def link_images(
        self, configured: Iterable[ConfiguredBuild], builds: Iterable[OwnBuild]
    ) -> Mapping[DockerfileKey, Sequence[BuildLink]]:
        """Return the own images that are built from each file. Files without a known own image are left out."""
        entries: dict[str, list[ConfiguredBuild]] = defaultdict(list)
        for entry in configured:
            entries[entry.image.repository].append(entry)
        by_image: dict[str, list[OwnBuild]] = defaultdict(list)
        for build in builds:
            by_image[build.repository].append(build)
        sources: _Sources = {
            (each.repository, each.digest): (each.source, each.revision)
            for found in by_image.values()
            for each in found
        }
        links: dict[DockerfileKey, set[BuildLink]] = defaultdict(set)
        for image in sorted({*entries, *by_image}):
            newest_first = sorted(
                by_image[image], key=lambda each: (each.built_at or _NEVER, each.digest), reverse=True
            )
            for file, evidence in self._find_files(entries.get(image, ()), newest_first, sources):
                links[file].add(BuildLink(image, evidence))
        return {file: _select_strongest(found) for file, found in sorted(links.items())}

    def _find_files(
        self,
        entries: Sequence[ConfiguredBuild],
        newest_first: Sequence[OwnBuild],
        sources: _Sources,
    ) -> Iterator[tuple[DockerfileKey, LinkEvidence]]:
        """Yield the files from which one own image is built, each with the evidence."""
        if entries:
            for entry in entries:
                if (file := self._find_configured(entry)) is not None:
                    yield file, LinkEvidence.CONFIG
            return
        by_task = next((each for each in newest_first if each.is_task_run), None)
        attested = by_task or next((each for each in newest_first if each.is_attested and each.dockerfile), None)
        if attested is not None:
            if (file := self._find_attested(attested)) is not None:
                yield file, LinkEvidence.BUILD_TASK if by_task is not None else LinkEvidence.PROVENANCE
            return
        stated = next((each for each in newest_first if each.source and not _is_inherited(each, sources)), None)
        if stated is not None and (file := self._find_stated(stated)) is not None:
            yield file, LinkEvidence.PROVENANCE if stated.is_attested else LinkEvidence.SOURCE

    def _find_configured(self, entry: ConfiguredBuild) -> DockerfileKey | None:
        files = self._by_name.get(entry.repository.lower(), ())
        return _get_single([file for file in files if file[1] == entry.dockerfile], entry.base_branch)

    def _find_attested(self, build: OwnBuild) -> DockerfileKey | None:
        return _get_single([file for file in self._list_files(build) if file[1] == build.dockerfile], build.branch)

    def _find_stated(self, build: OwnBuild) -> DockerfileKey | None:
        """Return the only file of the repository, or its only file with a base image of the build."""
        files = self._list_files(build)
        bases = {each.repository for each in build.bases}
        fitting = [file for file in files if not bases.isdisjoint(self._files[file])]
        return _get_single(files, build.branch) or _get_single(fitting, build.branch)

    def _list_files(self, build: OwnBuild) -> list[DockerfileKey]:
        """Return the files of the repository that a build names as its source; empty if it is not in the fleet."""
        address = parse_source(build.source) if build.source is not None else None
        return self._by_address.get(address, []) if address is not None else []


def parse_source(text: str) -> str | None:
    """Return the server and the name of a repository in lower case, such as `github.com/acme/web`.

    `text` is the URL of the repository. The result consists of the host and the name in a `BranchKey`, also for Azure
    DevOps. Return None if the text is not the URL of a repository.
    """
    context = parse_context(text.removeprefix("git+"))
    if context is None:
        return None
    path, azure, name = context.repository.partition("@")[0].partition(_AZURE_PATH)
    if azure and "/" not in path:  # the project has the name of the repository, and is left out
        path = f"{path}/{name}"
    return "/".join(filter(None, (context.host, path, name)))


def _select_strongest(links: Collection[BuildLink]) -> tuple[BuildLink, ...]:
    """Return the links of a file with the strongest evidence among them.

    A label of another team's image cannot add itself to the images for which there is better evidence.
    """
    strongest = min((each.evidence for each in links), key=_STRENGTH.index)
    return tuple(sorted(each for each in links if each.evidence is strongest))


def _is_inherited(build: OwnBuild, sources: _Sources) -> bool:
    """Return True if a build inherited its label from the own image on which the build is based."""
    stated = (build.source, build.revision)
    return not build.is_attested and any(sources.get((base.repository, base.digest)) == stated for base in build.bases)


def _get_single(files: Sequence[DockerfileKey], branch: str | None) -> DockerfileKey | None:
    """Return the only file, or the only file of a base branch. Return None if there are several or none."""
    if branch is not None and any(key.base_branch == branch for key, _ in files):
        files = [file for file in files if file[0].base_branch == branch]
    return files[0] if len(files) == 1 else None
