"""List the lines of a checkout that changed since a revision."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.core.git_ownership import explain_refusal
from bot.core.references.diff import ALL_LINES, parse_changed_lines
from bot.local_git import NO_CHECKOUT_ERRORS, run_git
from bot.model.errors import TreeError, UsageError
from bot.model.source import FilePath

MAX_PATHS = 200
"""The maximum number of paths in one git command. Linux limits arguments to two megabytes, and paths to 4096 bytes."""

_DIFF_OPTIONS = (
    *("--unified=0", "--inter-hunk-context=0", "--relative", "--src-prefix=a/", "--dst-prefix=b/", "--no-renames"),
    *("--text", "--no-textconv", "--no-ext-diff", "--no-color", "-O/dev/null"),
)
"""Options that show the changed lines of every file, regardless of attributes and the repository's settings."""
_ENCODING_ATTRIBUTE = "working-tree-encoding"
_UNSET_VALUES = frozenset({b"unspecified", b"unset"})
"""The values of the attribute for files that git compares in their own encoding. In another encoding, lines differ:
https://git-scm.com/docs/gitattributes#_working_tree_encoding."""
_COMMIT = re.compile(r"[0-9a-f]{40,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class GitRevisionDiff:
    """The lines of a checkout that changed since a commit.

    In a file that git does not track, all lines count as changed.
    """

    root: Path
    revision: str
    commit: str
    """The id of the commit to which `revision` resolves."""

    @classmethod
    def resolve_revision(cls, root: Path, revision: str) -> GitRevisionDiff:
        """Return the changes of the checkout at `root` since a revision, such as a branch, a tag or a commit.

        Raises:
            UsageError: If the revision does not exist, `root` is not a checkout, or git is not installed.
            TreeError: If git cannot be queried.
        """
        if not revision or revision.startswith("-"):
            raise UsageError(f"{revision!r} is not a revision; hint: name a commit, a branch or a tag")
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        git_result = run_git(root, *arguments, failure=f"{revision!r} could not be looked up in {root}")
        if git_result is None:
            raise UsageError("--since needs git, which is not installed; hint: install git")
        if git_result.status and any(words in git_result.error_text for words in NO_CHECKOUT_ERRORS):
            raise UsageError(f"--since needs a git checkout, but {root} is not in one")
        if git_result.status and (refusal := explain_refusal(git_result.error_text)):
            raise TreeError(refusal)
        commit = git_result.output.decode(errors="replace").strip()
        if git_result.status or not _COMMIT.fullmatch(commit):
            raise UsageError(
                f"{revision!r} is not a revision of {root}; hint: in a shallow clone, fetch the revision first"
            )
        return cls(root, revision, commit)

    def list_changed_lines(self, paths: Collection[FilePath]) -> Mapping[FilePath, tuple[range, ...]]:
        """Return the changed lines of each file, as ranges of line numbers. Files without changes are missing.

        Raises:
            TreeError: If git cannot compute the difference.
        """
        whole = self._list_incomparable(paths)
        changed: dict[FilePath, tuple[range, ...]] = dict.fromkeys(whole, (ALL_LINES,))
        others = sorted(set(paths) - whole)
        environment = {"GIT_LITERAL_PATHSPECS": "1", **self._build_filterless_environment()} if others else {}
        for first in range(0, len(others), MAX_PATHS):
            batch = others[first : first + MAX_PATHS]
            patch = self._query_git("diff", *_DIFF_OPTIONS, self.commit, "--", *batch, environment=environment)
            changed |= {FilePath(os.fsdecode(path)): lines for path, lines in parse_changed_lines(patch).items()}
        return changed

    def _list_incomparable(self, paths: Collection[FilePath]) -> set[FilePath]:
        """Return the files of which all lines count as changed, because git cannot determine their changed lines.

        These are untracked files, and files that git converts to another encoding before it compares them.
        """
        tracked = {os.fsdecode(path) for path in self._query_git("ls-files", "-z", "--cached").split(b"\0")}
        names = b"".join(os.fsencode(path) + b"\0" for path in paths)
        answer = self._query_git("check-attr", "-z", "--stdin", _ENCODING_ATTRIBUTE, stdin=names).split(b"\0")
        values = dict(zip(answer[0::3], answer[2::3], strict=False))  # path, attribute, value
        return {path for path in paths if path not in tracked or values.get(os.fsencode(path)) not in _UNSET_VALUES}

    def _build_filterless_environment(self) -> Mapping[str, str]:
        """Return environment variables that disable all content filters in git's config.

        With these variables, git compares the files as they are in the folder, and runs no filter program.
        """
        arguments = ("config", "--null", "--name-only", "--get-regexp", r"^filter\.")
        git_result = run_git(self.root, *arguments, failure=self._failure_message)
        output = git_result.output if git_result is not None else b""
        keys = sorted({os.fsdecode(key) for key in output.split(b"\0") if key})
        environment = {"GIT_CONFIG_COUNT": str(len(keys))}
        for number, key in enumerate(keys):
            value = "false" if key.endswith(".required") else ""
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return environment

    def _query_git(self, *arguments: str, environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
        result = run_git(self.root, *arguments, failure=self._failure_message, environment=environment, stdin=stdin)
        if result is None or result.status:
            raise TreeError(
                f"{self._failure_message}: {'git is not installed' if result is None else result.error_text}"
            )
        return result.output

    @property
    def _failure_message(self) -> str:
        return f"the changes in {self.root} since {self.revision} could not be determined"
