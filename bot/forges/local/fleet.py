"""The git repositories of one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from bot.core.proposal.base_branches import beginning, chosen
from bot.forges._examination import selected
from bot.forges.git.command import Git, Identity, decode
from bot.forges.git.tree import LocalTree
from bot.forges.local.dashboard import LocalDashboard
from bot.forges.local.folder import explain_none, may_be_repository
from bot.forges.local.forge import LocalForge
from bot.forges.local.refs import BRANCHES, Refs, Saved, forge_errors
from bot.model.diagnosis import Aim, Check
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.report import Failed
from bot.model.vocabulary import Stage

KIND = "local"
BOT = Identity("basebump", "basebump@localhost")
"""Who makes our commits, unless the operator names somebody else."""


class LocalFleet:
    """The git repositories of one folder; `x` names the folder `x`, or the bare repository `x.git`."""

    def __init__(
        self, root: Path, names: tuple[str, ...] = (), identity: Identity = BOT, *, base_branches: Sequence[str] = ()
    ) -> None:
        """Offer the repositories in `names`, or, where there are none, every one that lies directly in `root`.

        Links and linked worktrees are not found by themselves: they would show a repository twice. `base_branches` are
        globs; without any, the base branch is what HEAD names.
        """
        self._root = root.resolve()
        self._names = names
        self._identity = identity
        self._base_branches = base_branches

    def repositories(self, only: frozenset[str]) -> Iterator[GitRepository | Failed]:
        """Yield what the config selects, or of that only the names in `only` when it is not empty."""
        try:
            names = self._names or self._found()
        except OSError as error:
            what = f"it could not be listed: {error.strerror}; name a folder that holds git repositories"
            yield Failed(str(self._root), Stage.SURVEY, what)
            return
        if not names:
            yield Failed(str(self._root), Stage.SURVEY, explain_none(self._root))
        for name in names:
            if only and name not in only:
                continue
            try:
                found = self.look(name)
                yield from self._bases(found) if self._base_branches else [found]
            except ForgeError as error:
                yield Failed(name, Stage.SURVEY, str(error))

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - every rung needs the same here
        """Look at each repository of the folder."""
        yield from (
            each for each in selected(str(self._root), self.repositories(frozenset())) if isinstance(each, Check)
        )

    def look(self, name: str) -> GitRepository:
        """Return one repository as it stands: its base branch is what HEAD names. Raises ForgeError."""
        with forge_errors():
            git = self._git(name)
            self._refuse_outside(name, git)
            head = decode(git.ask("symbolic-ref", "--quiet", "HEAD").output).strip()
            found = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{head}^{{commit}}")
            if found.status and head and not git.ask("rev-parse", "--verify", "--quiet", head).status:
                raise ForgeError(f"{head} names a commit that is not there; look at the repository with `git fsck`")
            if not head.startswith(BRANCHES) or found.status:
                return GitRepository(KIND, name, None, None, is_public=False)
            base = head.removeprefix(BRANCHES)
            request = Refs(git).requests(base).get(base)
            if request is not None and request.state is Saved.OPEN:
                raise ForgeError(f"its HEAD is {base}, which is a proposal of basebump's; switch to the base branch")
            return GitRepository(KIND, name, base, found.output.decode("ascii").strip(), is_public=False)

    def _bases(self, found: GitRepository) -> list[GitRepository]:
        """Return a repository once for each of its base branches, or without any where it has none."""
        with forge_errors():
            refs = Refs(self._git(found.name))
            heads = {each: oid for glob in self._base_branches for each, oid in refs.branches(beginning(glob)).items()}
        return [
            replace(found, base_branch=branch, commit=heads[branch], is_default_base=branch == found.base_branch)
            for branch in chosen(self._base_branches, heads)
        ] or [replace(found, base_branch=None, commit=None)]

    def tree(self, repository: GitRepository) -> LocalTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name} has no commit on a branch that HEAD names")
        try:
            return LocalTree(self._git(repository.name), repository.commit)
        except ForgeError as error:
            raise TreeError(str(error)) from error

    def forge(self, repository: GitRepository) -> LocalForge:
        """Return the verbs for one repository. Raises ForgeError when it is gone."""
        return LocalForge(self._git(repository.name), repository)

    def dashboard(self, repository: GitRepository) -> LocalDashboard:
        """Return the verbs for its one issue. Raises ForgeError when the repository is gone."""
        return LocalDashboard(self._git(repository.name))

    def decline(self, name: str, branch: str) -> bool:
        """Close an open proposal as a person does; say whether its branch was deleted, too. Raises ForgeError."""
        return self.forge(self.look(name)).decline(branch)

    def _found(self) -> tuple[str, ...]:
        folders = sorted(entry for entry in self._root.iterdir() if entry.is_dir() and not entry.is_symlink())
        names = {entry.name for entry in folders}
        return tuple(
            short if entry.suffix == ".git" and (short := entry.name.removesuffix(".git")) not in names else entry.name
            for entry in folders
            if entry.name != ".git" and may_be_repository(entry)
        )

    def _git(self, name: str) -> Git:
        """Return git in the folder of a repository, which is inside ours. Raises ForgeError."""
        path = PurePosixPath(name)
        if "\0" in name or path.is_absolute() or ".." in path.parts or not path.parts:
            raise ForgeError(f"{name!r} names no repository; give the name of a folder in {self._root}")
        try:
            beside = self._root / f"{name}.git"
            folder = (self._root / name if (self._root / name).exists() else beside).resolve()
            is_folder = folder.is_dir()
        except (OSError, RuntimeError) as error:  # RuntimeError is how pathlib tells of links that go in circles
            raise ForgeError(f"{name} could not be looked at: {error}; correct its name in the config") from error
        if not folder.is_relative_to(self._root):
            raise ForgeError(f"{name} is a link that leads out of {self._root}; put the repository itself there")
        if not is_folder:
            raise ForgeError(f"there is no folder {name} or {name}.git in {self._root}; correct its name in the config")
        return Git(folder, self._identity)

    def _refuse_outside(self, name: str, git: Git) -> None:
        """A worktree may belong to a repository that lies elsewhere."""
        common = git.directory / git.line("rev-parse", "--git-common-dir")
        if not common.resolve().is_relative_to(self._root):
            raise ForgeError(f"{name} keeps its repository outside of {self._root}, in {common}; name that one instead")
