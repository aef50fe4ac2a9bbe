"""Stands: one forge with one repository on it, as basebump sees it, as people see it, and as it breaks.

`tests/forges/test_*_contract.py` run every claim about forges over each stand; the tests of a whole run use them
too. A new forge joins by a class that has what `ForgeStand` asks for, and one line in `forge_stands.py`. Where its
repositories are git repositories on this machine (or its fake keeps them so), `GitStand` gives it most of that.

How a test goes:

    stand.forge().push(branch, changes, message, None)     # basebump, in a run of its own
    stand.commit(branch, {"app/Dockerfile": "FROM x"})     # a person
    stand.forge().list_requests("basebump/", frozenset({branch}))   # the next run

`fleet()` and `forge()` return new ones each time, as a new process would have them: nothing is remembered in memory,
and `forge()` looks at the base branch as it stands when it is called.

Writes: everything that changes the forge, one word and the branch each, is appended to `writes` as it happens.
`die_before(n)` lets the n-th write from now (counted from 1) raise Killed instead of happening, as if the process had
been killed; it counts once. A forge whose verb takes several requests counts each of them.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support.forges.counted import CountedFleet, SimulatedKill, WriteCounter
from support.git import Content, DiskRepository, LoggedCommit, TreeFile

from bot.forges.local.fleet import LocalFleet
from bot.model.forge import GitRepository
from bot.model.proposal import RequestState
from bot.model.request_attributes import CommitStatus
from bot.ports import Fleet, Forge


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """One request as a person sees it in the forge."""

    branch: str
    state: RequestState
    title: str
    body: str
    comments: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class ForgeStand(Protocol):
    """One forge with one repository `name` on it; its base branch is `main`."""

    @property
    def name(self) -> str: ...

    @property
    def writes(self) -> list[str]: ...

    def die_before(self, write: int) -> None: ...

    def end(self) -> None:
        """Release all resources, and fail the test if a request broke the contract of the forge."""
        ...

    def fleet(self) -> Fleet: ...

    def larger_fleet(self) -> Fleet: ...

    def forge(self) -> Forge: ...

    # What people do.

    def commit(self, branch: str, files: Mapping[str, Content], message: str = ...) -> str:
        """Commit on a branch (made from the base where it does not exist); on `main` this moves the base."""
        ...

    def amend_commit(self, branch: str, files: Mapping[str, Content]) -> str:
        """Amend the branch's last commit: message and author stay."""
        ...

    def update_branch(self, branch: str, *, also: Mapping[str, Content] | None = None) -> str:
        """Merge the base into a branch, as "Update branch" does; with `also` these files are changed in the merge."""
        ...

    def merge_by_hand(self, branch: str, files: Mapping[str, Content], *, source: str = "main") -> str:
        """Merge `source` into a branch, with `files` as a person edits them in the merge commit."""
        ...

    def delete_branch(self, branch: str) -> None: ...

    def edit_body(self, branch: str, body: str) -> None:
        """Replace the text of the open request of a branch."""
        ...

    def close_request(self, branch: str) -> None:
        """Close the open request of a branch without merging: a decline."""
        ...

    def merge_request(self, branch: str, into: str = ...) -> None:
        """Merge the open request of a branch into its base."""
        ...

    def propose_from_fork(self, branch: str, files: Mapping[str, Content]) -> None:
        """Open a request from a fork with the same branch name, as an outsider can."""
        ...

    def refuse_writes(self, branch: str) -> None:
        """From now on the forge refuses every write that concerns the branch, in the way it really would."""
        ...

    # What people see.

    def branches(self) -> dict[str, str]:
        """Return every branch and the commit it points to."""
        ...

    def files(self, branch: str) -> dict[str, TreeFile]:
        """Return the files of a branch with their modes."""
        ...

    def commits(self, branch: str) -> list[LoggedCommit]:
        """Return the commits of a branch that the base does not have, newest first."""
        ...

    def requests(self) -> list[ShownRequest]:
        """Return the requests from the repository's own branches, newest first."""
        ...

    def statuses(self, branch: str) -> list[CommitStatus]:
        """Return every status of ours that the last commit of a branch was given, oldest first."""
        ...


def run_killed_repeatedly(stand: ForgeStand, run: Callable[[], object]) -> int:
    """Run until nothing kills it: at first before the first write, then before the second; return how often it was."""
    for kills in range(20):
        stand.die_before(kills + 1)
        try:
            run()
        except SimulatedKill:
            continue
        return kills
    raise AssertionError("there is always something left to write")


class GitStand(ABC):
    """Common part of the stands whose repository is a real git repository on this machine."""

    def __init__(self, git: DiskRepository, name: str) -> None:
        self.git = git
        self.name = name
        self.counter = WriteCounter()
        self.base_branches: tuple[str, ...] = ()
        """Globs, as a config has them."""

    @property
    def writes(self) -> list[str]:
        return self.counter.done

    def die_before(self, write: int) -> None:
        self.counter.die_before(write)

    def end(self) -> None:  # noqa: B027 - most have nothing to end
        """Stop all running servers."""

    @abstractmethod
    def fleet(self) -> Fleet: ...

    def larger_fleet(self) -> Fleet:
        """Return a fleet with one repository more, where a list of many contains other data than that of one."""
        return self.fleet()

    def forge(self, base: str = "main") -> Forge:
        fleet = self.fleet()
        found = list(fleet.list_repositories(frozenset({self.name})))
        assert all(isinstance(each, GitRepository) for each in found), found
        (repository,) = [each for each in found if each.base_branch == base]
        return fleet.get_forge(repository)

    def settle(self) -> None:  # noqa: B027 - where branches are all there is, nothing follows them
        """Do the work of the forge after a push."""

    def commit(self, branch: str, files: Mapping[str, Content], message: str = "A person's work") -> str:
        made = self.git.commit(branch, files, message)
        self.settle()
        return made

    def amend_commit(self, branch: str, files: Mapping[str, Content]) -> str:
        made = self.git.amend(branch, files)
        self.settle()
        return made

    def update_branch(self, branch: str, *, also: Mapping[str, Content] | None = None) -> str:
        made = self.git.merge("main", branch)
        if also:
            made = self.git.amend(branch, also)
        self.settle()
        return made

    def merge_by_hand(self, branch: str, files: Mapping[str, Content], *, source: str = "main") -> str:
        made = self.git.make_commit([self.git.need(branch), self.git.need(source)], files, "Merge by hand")
        self.move_branch(branch, made)
        return made

    def move_branch(self, branch: str, commit: str) -> None:
        """Let a branch point to a commit, as a push by force does."""
        self.git.point(f"refs/heads/{branch}", commit)
        self.settle()

    def delete_branch(self, branch: str) -> None:
        self.git.delete(branch)
        self.settle()

    def merge_request(self, branch: str, into: str = "main") -> None:
        self.git.merge(branch, into)
        self.settle()

    def branches(self) -> dict[str, str]:
        return self.git.branches()

    def files(self, branch: str) -> dict[str, TreeFile]:
        return self.git.files(f"refs/heads/{branch}")

    def commits(self, branch: str) -> list[LoggedCommit]:
        return self.git.log(f"refs/heads/{branch}", without="refs/heads/main")


class LocalStand(GitStand):
    """A git repository in a folder; every writing verb of its forge is one atomic update of refs."""

    def __init__(self, root: Path, files: Mapping[str, Content], *, bare: bool = True) -> None:
        name = "acme"
        super().__init__(DiskRepository.create(root / (f"{name}.git" if bare else name), files, bare=bare), name)
        self._root = root

    def fleet(self) -> Fleet:
        return CountedFleet(LocalFleet(self._root, base_branches=self.base_branches), self.counter)

    def edit_body(self, branch: str, body: str) -> None:
        ref = f"refs/basebump/proposals/{branch}"
        stored = json.loads(self.git.run("cat-file", "blob", self.git.refs(ref)[ref]))
        blob = self.git.run("hash-object", "-w", "--stdin", stdin=json.dumps(stored | {"body": body}).encode())
        self.git.run("update-ref", ref, blob.decode().strip())

    def close_request(self, branch: str) -> None:
        LocalFleet(self._root).decline_proposal(self.name, branch)

    def propose_from_fork(self, branch: str, files: Mapping[str, Content]) -> None:
        commit = self.git.make_commit([self.git.need("main")], files, "A stranger's work")
        self.git.run("update-ref", f"refs/remotes/stranger/{branch}", commit)

    def refuse_writes(self, branch: str) -> None:
        """Leave the locks that a git process leaves when it is killed."""
        common = self.git.directory / self.git.run("rev-parse", "--git-common-dir").decode().strip()
        for kind in ("refs/heads", "refs/basebump/proposals", "refs/basebump/told"):
            lock = common / kind / f"{branch}.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.touch()

    def statuses(self, branch: str) -> list[CommitStatus]:
        return []

    def requests(self) -> list[ShownRequest]:
        """Read the documented refs: blobs of JSON, with the merge state from git."""
        main = self.git.need("main")
        merged = {branch for branch, commit in self.git.branches().items() if self.git.has(main, commit)}
        told = self.git.refs("refs/basebump/told/")
        requests = []
        for ref, oid in self.git.refs("refs/basebump/proposals/").items():
            branch = ref.removeprefix("refs/basebump/proposals/")
            written = json.loads(self.git.run("cat-file", "blob", oid))
            state = RequestState.MERGED if branch in merged else RequestState(written["state"])
            comments = [
                self.git.run("cat-file", "blob", comment).decode()
                for ref, comment in told.items()
                if ref == f"refs/basebump/told/{branch}"
            ]
            requests.append(ShownRequest(branch, state, written["title"], written["body"], tuple(comments)))
        return requests
