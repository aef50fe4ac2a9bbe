"""Programs that the config of a local repository names do not run."""

from __future__ import annotations

import pytest
from support.forges.local_scene import BRANCH, INTENT, forge_of, look, propose
from support.git import DiskRepository

PROGRAMS = (
    *("core.alternateRefsCommand", "core.askPass", "core.editor", "core.fsmonitor", "core.gitProxy", "core.pager"),
    *("core.sshCommand", "credential.helper", "diff.external", "diff.own.command", "diff.own.textconv"),
    *("filter.own.clean", "filter.own.process", "filter.own.smudge", "gpg.program", "merge.own.driver"),
)
HOOKS = ("reference-transaction", "post-index-change", "post-merge", "pre-auto-gc")
OTHER_SETTINGS = {
    "filter.own.required": "true",
    "gc.auto": "1",
    "log.showSignature": "true",
    "merge.default": "own",
    "merge.renormalize": "true",
}
ATTRIBUTES = "* merge=own filter=own diff=own\n"


@pytest.fixture
def configure(git, tmp_path):
    """Return a function that names programs in the repository's config.

    The function returns another function, which lists the programs that have started since then.
    """
    mark, programs = tmp_path / "ran", tmp_path / "programs"

    def configure():
        programs.mkdir()
        for name in (*PROGRAMS, *HOOKS):
            (programs / name).write_text(f'#!/bin/sh\necho {name} >> "{mark}"\ncat\n')
            (programs / name).chmod(0o755)
        for key in PROGRAMS:
            git.run("config", key, str(programs / key))
        for key, value in {**OTHER_SETTINGS, "core.hooksPath": str(programs)}.items():
            git.run("config", key, value)
        attributes = git.directory / git.run("rev-parse", "--git-path", "info/attributes").decode().strip()
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text(ATTRIBUTES)
        return lambda: mark.read_text().split() if mark.exists() else []

    git.commit("main", {".gitattributes": ATTRIBUTES})
    return configure


def test_conflict_check_runs_no_program_from_git_config(git, configure):
    propose(git)
    git.commit("main", {"Dockerfile": b"FROM node:22\n"})
    list_started = configure()
    (request,) = look(git)
    assert request.has_conflicts
    assert list_started() == []


def test_check_of_signed_branch_with_merge_runs_no_program_from_git_config(git, configure):
    propose(git)
    commit = git.run("cat-file", "commit", BRANCH)
    signature = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n"
    signed = commit.replace(b"\n\n", b"\n" + signature + b"\n", 1)
    head = git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed).decode().strip()
    git.commit("main", {"README.md": "More.\n"})
    tree = {"README.md": "More.\n"}
    git.run("update-ref", f"refs/heads/{BRANCH}", git.make_commit([head, git.need("main")], tree, "Merge main"))
    list_started = configure()
    (request,) = look(git)
    assert request.intent == INTENT
    assert list_started() == []


def test_opening_and_closing_proposal_runs_no_program_from_git_config(git, configure):
    list_started = configure()
    propose(git)
    forge_of(git).close(look(git)[0])
    assert list_started() == []


def test_conflict_check_uses_built_in_merge_driver_from_gitattributes(git):
    git.commit("main", {".gitattributes": "list.txt merge=union\n", "list.txt": "a\n"})
    propose(git)
    branch = git.commit(BRANCH, {"list.txt": "a\nb\n"})
    git.commit("main", {"list.txt": "a\nc\n"})
    (request,) = look(git)
    assert request.head == branch
    assert not request.has_conflicts


def test_mergeability_is_determined_in_shallow_clone(git, tmp_path):
    git.commit("main", {"README.md": "More.\n"})
    propose(git)
    git.commit("main", {"README.md": "Even more.\n"})
    shallow = DiskRepository(tmp_path / "shallow" / "acme.git")
    shallow.directory.parent.mkdir()
    git.run(
        "clone",
        "--quiet",
        "--mirror",
        "--depth=2",
        "--no-single-branch",
        f"file://{git.directory}",
        str(shallow.directory),
    )
    assert (shallow.directory / "shallow").exists()
    (request,) = look(shallow)
    assert not request.has_conflicts
