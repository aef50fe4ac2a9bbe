"""The git repositories of one folder, as a fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges._examination import selected
from bot.forges.git.command import Git, Identity, decode
from bot.forges.git.tree import LocalTree
from bot.forges.local.dashboard import LocalDashboard
from bot.forges.local.folder import explain_none, may_be_repository
from bot.forges.local.forge import LocalForge
from bot.forges.local.refs import BRANCHES, Refs, Saved, forge_errors
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage

KIND = "local"
BOT = Identity("basebump", "basebump@localhost")
"""The author of basebump's commits, unless the operator configures another one."""


class LocalFleet:
    """The git repositories of one folder. The name `x` means the folder `x` or the bare repository `x.git`."""

    def __init__(
        self, root: Path, names: tuple[str, ...] = (), identity: Identity = BOT, *, base_branches: Sequence[str] = ()
    ) -> None:
        """Select the repositories in `names`; without names, every repository directly in `root`.

        Links and linked worktrees are not found without being named: they would show a repository twice.
        `base_branches` are globs; without them the base branch is the one that HEAD names.
        """
        self._root = root.resolve()
        self._names = names
        self._identity = identity
        self._base_branches = base_branches

    def list_repositories(self, only: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects, or only those in `only` if it is not empty."""
        try:
            names = self._names or self._found()
        except OSError as error:
            what = f"cannot list the folder: {error.strerror}; hint: use a folder that holds git repositories"
            yield RunFailure(str(self._root), FailureStage.SURVEY, what)
            return
        if not names:
            yield RunFailure(str(self._root), FailureStage.SURVEY, explain_none(self._root))
        for name in names:
            if only and name not in only:
                continue
            try:
                found = self.look(name)
                yield from self._bases(found) if self._base_branches else [found]
            except ForgeError as error:
                yield RunFailure(name, FailureStage.SURVEY, str(error))

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - all levels need the same here
        """Yield the diagnostic results of finding the repositories of the folder."""
        yield from (
            each for each in selected(str(self._root), self.list_repositories(frozenset())) if isinstance(each, Check)
        )

    def look(self, name: str) -> GitRepository:
        """Return one repository; its base branch is the one that HEAD names. Raises ForgeError."""
        with forge_errors():
            git = self._git(name)
            self._refuse_outside(name, git)
            head = decode(git.ask("symbolic-ref", "--quiet", "HEAD").output).strip()
            found = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{head}^{{commit}}")
            if found.status and head and not git.ask("rev-parse", "--verify", "--quiet", head).status:
                raise ForgeError(
                    f"HEAD names '{head}', which points to a missing commit; hint: run `git fsck` in the repository"
                )
            if not head.startswith(BRANCHES) or found.status:
                return GitRepository(KIND, name, None, None, is_public=False)
            base = head.removeprefix(BRANCHES)
            request = Refs(git).requests(base).get(base)
            if request is not None and request.state is Saved.OPEN:
                raise ForgeError(f"HEAD is '{base}', a proposal of basebump; hint: switch to the base branch")
            return GitRepository(KIND, name, base, found.output.decode("ascii").strip(), is_public=False)

    def _bases(self, found: GitRepository) -> list[GitRepository]:
        """Return the repository once for each of its base branches; once without any if no branch matches."""
        with forge_errors():
            refs = Refs(self._git(found.name))
            heads = {each: oid for glob in self._base_branches for each, oid in refs.branches(get_literal_prefix(glob)).items()}
        return [
            replace(found, base_branch=branch, commit=heads[branch], is_default_base=branch == found.base_branch)
            for branch in match_branches(self._base_branches, heads)
        ] or [replace(found, base_branch=None, commit=None)]

    def open_tree(self, repository: GitRepository) -> LocalTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: HEAD names no branch with a commit")
        try:
            return LocalTree(self._git(repository.name), repository.commit)
        except ForgeError as error:
            raise TreeError(str(error)) from error

    def get_forge(self, repository: GitRepository) -> LocalForge:
        """Return the forge operations for one repository. Raises ForgeError if it does not exist any more."""
        return LocalForge(self._git(repository.name), repository)

    def get_dashboard(self, repository: GitRepository) -> LocalDashboard:
        """Return the dashboard of one repository. Raises ForgeError if it does not exist any more."""
        return LocalDashboard(self._git(repository.name))

    def decline(self, name: str, branch: str) -> bool:
        """Close an open proposal on behalf of a user. Return True if its branch is gone. Raises ForgeError."""
        return self.get_forge(self.look(name)).decline(branch)

    def _found(self) -> tuple[str, ...]:
        folders = sorted(entry for entry in self._root.iterdir() if entry.is_dir() and not entry.is_symlink())
        names = {entry.name for entry in folders}
        return tuple(
            short if entry.suffix == ".git" and (short := entry.name.removesuffix(".git")) not in names else entry.name
            for entry in folders
            if entry.name != ".git" and may_be_repository(entry)
        )

    def _git(self, name: str) -> Git:
        """Return a git runner for the folder of a repository, which must be inside the root. Raises ForgeError."""
        path = PurePosixPath(name)
        if "\0" in name or path.is_absolute() or ".." in path.parts or not path.parts:
            raise ForgeError(f"{name!r} is not a repository name; hint: use the name of a folder in {self._root}")
        try:
            beside = self._root / f"{name}.git"
            folder = (self._root / name if (self._root / name).exists() else beside).resolve()
            is_folder = folder.is_dir()
        except (OSError, RuntimeError) as error:  # pathlib raises RuntimeError for links that form a loop
            raise ForgeError(
                f"cannot read the folder '{name}': {error}; hint: correct the name in the config"
            ) from error
        if not folder.is_relative_to(self._root):
            raise ForgeError(f"'{name}' is a link out of {self._root}; hint: put the repository itself there")
        if not is_folder:
            raise ForgeError(
                f"there is no folder '{name}' or '{name}.git' in {self._root}; hint: correct the name in the config"
            )
        return Git(folder, self._identity)

    def _refuse_outside(self, name: str, git: Git) -> None:
        """Raise ForgeError if the folder is a worktree of a repository outside the root."""
        common = git.directory / git.line("rev-parse", "--git-common-dir")
        if not common.resolve().is_relative_to(self._root):
            raise ForgeError(
                f"'{name}' stores its repository outside of {self._root}, in {common}; hint: use that repository"
            )
