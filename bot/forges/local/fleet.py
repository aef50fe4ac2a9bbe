"""Local git repositories in one folder, with their dashboards, which basebump updates without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges.git.command import GitIdentity, GitRunner, RefUpdate, decode_output
from bot.forges.git.tree import LocalTree
from bot.forges.local.forge import LocalForge
from bot.forges.local.proposal_reader import LocalProposalReader
from bot.forges.local.refs import (
    BRANCHES,
    DASHBOARD_REF,
    ProposalRefs,
    StoredProposal,
    StoredState,
    translate_git_errors,
)
from bot.forges.selection import check_selection
from bot.model.ci import CiOutcome, FailedCheck
from bot.model.dashboard import DashboardIssue
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import ActivityScope, GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage


@dataclass(frozen=True, slots=True)
class LocalDashboard:
    """The dashboard of one local repository; implements `bot.ports.Dashboard`.

    Methods raise ForgeError if the repository cannot be read or written.
    """

    git: GitRunner

    def read(self) -> DashboardIssue | None:
        """Return the open or closed dashboard; None if it was never created."""
        request = self._load_issue()
        return (
            None if request is None else DashboardIssue(request.title, request.body, request.state is StoredState.OPEN)
        )

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:  # noqa: ARG002 - there is one ref for it
        """Create the dashboard, or update and reopen the existing one."""
        self._save_issue(title, body, StoredState.OPEN)

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Replace the body of the dashboard, and close the dashboard."""
        self._save_issue(issue.title, body, StoredState.CLOSED)

    def _save_issue(self, title: str, body: str, state: StoredState) -> None:
        current = self._load_issue()
        with translate_git_errors():
            stored = ProposalRefs(self.git).save_proposal(StoredProposal("", title, body, state))
            self.git.update_refs(
                [RefUpdate(DASHBOARD_REF, current.blob_name if current else None, stored.blob_name)],
                "basebump: dashboard",
            )

    def _load_issue(self) -> StoredProposal | None:
        with translate_git_errors():
            return ProposalRefs(self.git).read_dashboard()


def explain_no_repository(root: Path) -> str:
    """Return a message with a hint about a folder that has no git repository directly inside."""
    if can_be_repository(root):
        return (
            f"the folder is a git repository itself; hint: set `url` to its parent folder, {root.parent}, "
            f"and `repositories` to [{root.name}]"
        )
    return "the folder holds no git repository directly; hint: use the folder that holds them, or name each of them"


def can_be_repository(folder: Path) -> bool:
    """Return True if a folder looks like a checkout or a bare repository, or if the folder cannot be read.

    https://git-scm.com/docs/gitrepository-layout
    """
    try:
        return (folder / ".git").is_dir() or all((folder / part).exists() for part in ("HEAD", "objects", "refs"))
    except OSError:
        return True


KIND = "local"
BOT_IDENTITY = GitIdentity("basebump", "basebump@localhost")
"""The author of basebump's commits, unless the operator configures another identity."""


class LocalFleet:
    """The git repositories in one folder; implements `bot.ports.Fleet`.

    The repository named `x` is the folder `x`. If there is no such folder, it is the bare repository `x.git`.
    """

    def __init__(
        self,
        root: Path,
        names: tuple[str, ...] = (),
        identity: GitIdentity = BOT_IDENTITY,
        *,
        base_branches: Sequence[str] = (),
        site: str | None = None,
    ) -> None:
        """Create a fleet.

        Args:
            root: The folder that contains the repositories.
            names: The names of the repositories. If this is empty, every repository directly in `root` is selected,
                except symbolic links and linked worktrees, because they would select a repository twice.
            identity: The author of commits.
            base_branches: Globs for the base branches. If this is empty, the branch that HEAD names is used.
            site: The text that distinguishes these repositories, in the state, from the repositories of other folders.
        """
        self._root = root.resolve()
        self._names = names
        self._identity = identity
        self._base_branches = base_branches
        self._site = site

    def list_repositories(
        self,
        names: frozenset[str],
        activity_scope: ActivityScope | None = None,
    ) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects. If `names` is not empty, other names are left out.

        If a repository cannot be read, a failure is yielded instead.
        """
        try:
            candidates = self._names or self._find_names()
        except OSError as error:
            message = f"cannot list the folder: {error.strerror}; hint: use a folder that holds git repositories"
            yield RunFailure(str(self._root), FailureStage.SURVEY, message)
            return
        if not candidates:
            yield RunFailure(str(self._root), FailureStage.SURVEY, explain_no_repository(self._root))
        for name in candidates:
            if names and name not in names:
                continue
            try:
                repository = self.read_repository(name)
                expanded = self._expand_base_branches(repository) if self._base_branches else [repository]
                yield from (self._add_activity(each, activity_scope) for each in expanded)
            except ForgeError as error:
                yield RunFailure(name, FailureStage.SURVEY, str(error))

    def read_activity(self, repository: GitRepository, activity_scope: ActivityScope) -> str | None:
        """Return the hash of the activity in one repository. Raises ForgeError if git cannot read the repository."""
        return self._add_activity(repository, activity_scope).activity

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - all levels need the same here
        """Check that the selected repositories can be read, and yield the results."""
        yield from (
            each
            for each in check_selection(str(self._root), self.list_repositories(frozenset()))
            if isinstance(each, Check)
        )

    def read_repository(self, name: str) -> GitRepository:
        """Return one repository, whose base branch is the branch that HEAD names.

        Raises ForgeError if there is no such repository, or if HEAD does not point to a base branch with commits.
        """
        with translate_git_errors():
            git = self._open_git(name)
            self._check_is_inside(name, git)
            head = decode_output(git.run("symbolic-ref", "--quiet", "HEAD").output).strip()
            commit = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{head}^{{commit}}")
            if commit.status and head and not git.run("rev-parse", "--verify", "--quiet", head).status:
                raise ForgeError(
                    f"HEAD points to '{head}', whose commit is missing; hint: run `git fsck` in the repository"
                )
            if not head.startswith(BRANCHES) or commit.status:
                return GitRepository(KIND, name, None, None, site=self._site, is_public=False)
            base = head.removeprefix(BRANCHES)
            request = ProposalRefs(git).list_proposals(base).get(base)
            if request is not None and request.state is StoredState.OPEN:
                raise ForgeError(f"HEAD points to '{base}', the branch of a proposal; hint: switch to the base branch")
            oid = commit.output.decode("ascii").strip()
            return GitRepository(KIND, name, base, oid, site=self._site, is_public=False)

    def _expand_base_branches(self, repository: GitRepository) -> list[GitRepository]:
        """Return one GitRepository for each base branch of the repository.

        If no branch matches, return a single GitRepository without a base branch.
        """
        with translate_git_errors():
            refs = ProposalRefs(self._open_git(repository.name))
            heads = {
                each: oid
                for glob in self._base_branches
                for each, oid in refs.list_branches(get_literal_prefix(glob)).items()
            }
        return [
            replace(
                repository, base_branch=branch, commit=heads[branch], is_default_base=branch == repository.base_branch
            )
            for branch in match_branches(self._base_branches, heads)
        ] or [replace(repository, base_branch=None, commit=None)]

    def _add_activity(self, repository: GitRepository, scope: ActivityScope | None) -> GitRepository:
        """Return the repository, with its tree and its activity if `scope` is given.

        Raises ForgeError if git cannot read the repository.
        """
        if scope is None or repository.base_branch is None:
            return repository
        with translate_git_errors():
            refs = ProposalRefs(self._open_git(repository.name))
            tree, activity = refs.read_activity(scope.branch_prefix, repository.base_branch, repository.commit)
        return replace(repository, tree=tree, activity=activity)

    def find_failed_check(self, repository: GitRepository, commit: str) -> FailedCheck | None:  # noqa: ARG002 - the Protocol's
        """Return None, because a folder has no CI."""
        return None

    def read_ci_outcomes(self, repository: GitRepository, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:  # noqa: ARG002 - the Protocol's
        """Return an empty mapping, because a folder has no CI."""
        return {}

    def open_tree(self, repository: GitRepository) -> LocalTree:
        """Return the files of the base branch's commit. Raises TreeError if the base branch has no commit."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: HEAD does not point to a branch that has commits")
        try:
            return LocalTree(self._open_git(repository.name), repository.commit)
        except ForgeError as error:
            raise TreeError(str(error)) from error

    def get_forge(self, repository: GitRepository) -> LocalForge:
        """Return the operations on branches and proposals of a repository.

        Raises ForgeError if the repository does not exist any more.
        """
        return LocalForge(self._open_git(repository.name), repository)

    def get_dashboard(self, repository: GitRepository) -> LocalDashboard:
        """Return the dashboard of a repository. Raises ForgeError if the repository does not exist any more."""
        return LocalDashboard(self._open_git(repository.name))

    def decline_proposal(self, name: str, branch: str) -> bool:
        """Close the open proposal of `branch`, because a user declined the proposal.

        Returns True if the branch does not exist any more, and False if it was kept. Raises ForgeError if there is no
        open proposal.
        """
        return self.get_forge(self.read_repository(name)).decline_proposal(branch)

    def read_proposals(self, name: str) -> LocalProposalReader:
        """Return a reader of the texts and changes of a repository's proposals.

        Raises ForgeError if the repository does not exist.
        """
        return LocalProposalReader(self._open_git(name), self.read_repository(name))

    def _find_names(self) -> tuple[str, ...]:
        folders = sorted(entry for entry in self._root.iterdir() if entry.is_dir() and not entry.is_symlink())
        names = {entry.name for entry in folders}
        return tuple(
            short if entry.suffix == ".git" and (short := entry.name.removesuffix(".git")) not in names else entry.name
            for entry in folders
            if entry.name != ".git" and can_be_repository(entry)
        )

    def _open_git(self, name: str) -> GitRunner:
        """Return a runner of git in the folder of a repository.

        Raises ForgeError if the folder does not exist or is not inside the root.
        """
        path = PurePosixPath(name)
        if "\0" in name or path.is_absolute() or ".." in path.parts or not path.parts:
            raise ForgeError(f"{name!r} is not a repository name; hint: use the name of a folder in {self._root}")
        try:
            bare_folder = self._root / f"{name}.git"
            folder = (self._root / name if (self._root / name).exists() else bare_folder).resolve()
            is_folder = folder.is_dir()
        except (OSError, RuntimeError) as error:  # pathlib raises RuntimeError for links that form a loop
            raise ForgeError(
                f"cannot read the folder '{name}': {error}; hint: correct the name in the config"
            ) from error
        if not folder.is_relative_to(self._root):
            raise ForgeError(
                f"'{name}' is a link to a folder outside of {self._root}; "
                f"hint: move the repository itself into {self._root}"
            )
        if not is_folder:
            raise ForgeError(
                f"there is no folder '{name}' or '{name}.git' in {self._root}; hint: correct the name in the config"
            )
        return GitRunner(folder, self._identity)

    def _check_is_inside(self, name: str, git: GitRunner) -> None:
        """Raise ForgeError if the folder is a worktree whose repository is outside the root folder."""
        common = git.directory / git.read_line("rev-parse", "--git-common-dir")
        if not common.resolve().is_relative_to(self._root):
            raise ForgeError(
                f"'{name}' is a worktree of a repository outside of {self._root}; hint: use the repository {common}"
            )
