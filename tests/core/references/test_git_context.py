"""Tests of the parser of git URLs that are build contexts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.references.git_context import parse_context

HOST, REPOSITORY = "github.com", "acme/web"


def find_folder(text: str, host: str = HOST, repository: str = REPOSITORY, branch: str = "main") -> str | None:
    context = parse_context(text)
    return None if context is None else context.get_folder_in(host, repository, branch)


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/acme/web.git#main",
        "https://github.com/acme/web.git",
        "https://github.com/acme/web",
        "https://github.com/acme/web/",
        "http://github.com:80/acme/web.git#",
        "https://github.com:443/acme/web.git#main:",
        "https://www.GitHub.com/Acme/Web.git#refs/heads/main",
        "https://x-access-token:ghp_s3cret@github.com/acme/web.git#main:/",
        "github.com/acme/web#main:.",
        "git@github.com:acme/web.git#main",
        "ssh://git@github.com:22/acme/web.git#main",
        "git://github.com/acme/web.git",
        "  https://github.com/acme/web.git#main  ",
    ],
)
def test_all_url_forms_of_repository_are_recognised_as_build_context(text):
    assert find_folder(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/acme/api.git#main",
        "https://github.com/acme/web.git#next",
        "https://github.com/acme/web.git#Main",
        "https://github.com/acme/web.git#v1.0:folder",
        "https://github.com/acme/web/tree/main",
        "https://github.com.attacker.example/acme/web.git",
        "https://github.com:8443/acme/web.git",
        "https://gitlab.com/acme/web.git",
        "https://github.com",
        "",
        "src",
        "source/202401/a.tar.gz",
        "oci://contoso.azurecr.io/acme/web:1",
        "/dev/null",
        "https://github.com/acme/web.git?x=y#main",
        "https://github.com/acme/web.git#main:../other",
        "https://github.com/" + "a" * 5000,
    ],
)
def test_url_of_other_repository_branch_or_host_is_not_a_build_context(text):
    assert find_folder(text) is None


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [("main:src", "src"), (":src/web/", "src/web"), ("main:/a/./b", "a/b"), ("main:a%20b", "a b"), ("main:a/..", "")],
)
def test_folder_of_build_context_is_parsed_after_branch(fragment, expected):
    assert find_folder(f"https://github.com/acme/web.git#{fragment}") == expected


def test_git_url_with_port_and_branch_with_slashes_is_parsed():
    address = "https://ghe.example.com:8443/acme/web.git#release/1.0:x"
    assert find_folder(address, "ghe.example.com:8443", "Acme/Web", "release/1.0") == "x"
    assert find_folder(address, "ghe.example.com", "acme/web", "release/1.0") is None


@given(st.text(max_size=60) | st.text("htps:/@.#a%2", max_size=40))
def test_arbitrary_build_contexts_raise_no_error(text):
    context = parse_context(text)
    assert context is None or not context.folder.startswith(("/", "../"))
