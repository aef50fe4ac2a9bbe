"""The changes in the source repository of an image between the revisions of its old and its new digest."""

from __future__ import annotations

from dataclasses import dataclass

GITHUB_HOST, GITLAB_HOST = "github.com", "gitlab.com"


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """Two commits of a public source repository on GitHub or GitLab."""

    host: str
    """GITHUB_HOST or GITLAB_HOST."""
    repository: str
    """`owner/name`."""
    old: str
    new: str
    """`old` and `new` are full commit hashes."""

    @property
    def url(self) -> str:
        """The web page that compares the two commits."""
        compare = "compare" if self.host == GITHUB_HOST else "-/compare"
        return f"https://{self.host}/{self.repository}/{compare}/{self.old}...{self.new}"


@dataclass(frozen=True, slots=True)
class ReleaseNotes:
    """The notes of a release. All texts are untrusted input."""

    name: str
    url: str
    """The web page of the release. It is built from the repository and the tag, and is not taken from a response."""
    lines: tuple[str, ...]
    """The first lines of the notes that are not empty."""
    cut: int
    """The number of lines that were left out."""


@dataclass(frozen=True, slots=True)
class SourceChanges:
    """The changes between two commits of a source repository, as its forge reports them."""

    commits: int
    """The number of commits that only the new commit contains."""
    is_lower_bound: bool = False
    """True if there may be more commits than `commits`."""
    dropped_commits: int = 0
    """The number of commits that only the old commit contains, if the forge reports it."""
    release: ReleaseNotes | None = None
    """The release of the new version; None if there is none, or if the version is the same as before."""
    release_failure: str | None = None
    """Why the release could not be looked up, as the second half of a sentence; None if the lookup did not fail."""


@dataclass(frozen=True, slots=True)
class UnknownSourceChanges:
    """The changes of a source that could not be looked up."""

    reason: str
    """The reason, as the second half of a sentence."""


SourceLookup = SourceChanges | UnknownSourceChanges
