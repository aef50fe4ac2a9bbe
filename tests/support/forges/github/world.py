"""All accounts, tokens and repositories of one GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from support.forges.github.state import (
    AppInstallation,
    GitHubActor,
    GitHubApp,
    GitHubPull,
    GitHubRepository,
    GitHubToken,
)
from support.git import ADA, CommitAuthor, Content, DiskRepository

WEB_FLOW = CommitAuthor("GitHub", "noreply@github.com")
"""Who commits what GitHub itself signs."""


class GitHubWorld:
    """The state of one GitHub, and the actions of people, Apps and tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_id = 100
        self.accounts: dict[str, GitHubActor] = {}
        self.tokens: dict[str, GitHubToken] = {}
        self.repositories: dict[str, GitHubRepository] = {}
        self.moved: dict[str, str] = {}
        self.apps: list[GitHubApp] = []
        self.installations: list[AppInstallation] = []
        self.tokens_last = timedelta(hours=1)
        """How long the tokens of installations are good for."""
        self.add_account("web-flow", emails=(WEB_FLOW.email,))
        self.add_account("ada", emails=(ADA.email,))

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add_account(self, login: str, kind: str = "User", emails: tuple[str, ...] = ()) -> GitHubActor:
        return self.accounts.setdefault(login, GitHubActor(login, self.next_id(), kind, emails))

    def add_token(self, secret: str, login: str, *, is_app: bool = False) -> GitHubToken:
        """Give `login` a token; where it is an App, to its installation, whose commits are those of its bot."""
        account = self.add_account(f"{login}[bot]", "Bot") if is_app else self.add_account(login)
        self.tokens[secret] = GitHubToken(account, is_app=is_app)
        return self.tokens[secret]

    def add_app(self, slug: str, public_key: str) -> GitHubApp:
        self.add_account(f"{slug}[bot]", "Bot")
        app = GitHubApp(self.next_id(), slug, public_key)
        self.apps.append(app)
        return app

    def install(
        self, app: GitHubApp, login: str, permissions: Mapping[str, str], *, only: frozenset[str] | None = None
    ) -> AppInstallation:
        """Let an App into an account, which is an organization unless it is there already."""
        account = self.add_account(login, "Organization")
        installation = AppInstallation(self.next_id(), app, account, permissions, only)
        self.installations.append(installation)
        return installation

    def add_repository(
        self, name: str, files: Mapping[str, Content] | None, *, owner: str = "Organization", **more: object
    ) -> GitHubRepository:
        """Create a repository with one commit on `main`, or without commits if there are no files."""
        login, _, short_name = name.partition("/")
        account = self.add_account(login, owner)
        git = DiskRepository.create(self._folder / login / f"{short_name}.git", files)
        repository = GitHubRepository(self.next_id(), account, short_name, git, **more)  # type: ignore[arg-type]
        self.repositories[name.lower()] = repository
        repository.settle()
        return repository

    def repository(self, name: str) -> GitHubRepository | None:
        """Return a repository by its name, or by one that it had before."""
        key = name.lower()
        return self.repositories.get(self.moved.get(key, key))

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name, or another owner; the old name leads there."""
        repository = self.repositories.pop(old.lower())
        login, _, repository.short_name = new.partition("/")
        repository.owner = self.add_account(login, repository.owner.kind)
        self.repositories[new.lower()] = repository
        self.moved[old.lower()] = new.lower()

    def fork(self, repository: GitHubRepository, login: str) -> GitHubRepository:
        """Copy a repository to another account."""
        name = f"{login}/{repository.short_name}"
        if name.lower() not in self.repositories:
            copy = self.add_repository(name, None, owner="User", fork=True)
            copy.git.take(repository.git, repository.git.need("main"), "refs/heads/main")
        return self.repositories[name.lower()]

    def propose(
        self,
        repository: GitHubRepository,
        source: GitHubRepository,
        branch: str,
        account: GitHubActor,
        **words: str | None,
    ) -> GitHubPull:
        """Open a pull request without asking whether GitHub would."""
        head = source.git.branches()[branch]
        title, body = words.get("title") or "A change", words.get("body")
        base = words.get("base") or repository.default_branch
        pull = GitHubPull(repository.next_number(), account, source, branch, base, head, title, body)
        repository.pulls.append(pull)
        repository.fetch(pull)
        return pull

    def who(self, email: str) -> GitHubActor | None:
        """Return the account that a commit's address belongs to."""
        known = (each for each in self.accounts.values() if email in (each.person.email, *each.emails))
        return next(known, None)
