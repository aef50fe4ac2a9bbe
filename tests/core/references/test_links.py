"""Tests of the resolution of symbolic links in a tree."""

from __future__ import annotations

import pytest
from support.soon import soon

from bot.core.references import links as module
from bot.core.references.links import resolve_links

FILES = frozenset({"Dockerfile", "web/Dockerfile", "web/app/base.txt", "k8s/web.yaml"})


@pytest.mark.parametrize(
    ("links", "targets"),
    [
        ({"a": "Dockerfile"}, {"a": "Dockerfile"}),
        ({"web/a": "../Dockerfile"}, {"web/a": "Dockerfile"}),
        ({"a": "./web//app/../Dockerfile"}, {"a": "web/Dockerfile"}),
        ({"a": "b", "b": "Dockerfile"}, {"a": "Dockerfile", "b": "Dockerfile"}),
        ({"a": "site/Dockerfile", "site": "web"}, {"a": "web/Dockerfile"}),
        ({"site": "web"}, {"site/Dockerfile": "web/Dockerfile", "site/app/base.txt": "web/app/base.txt"}),
        ({"web/all": ".."}, {}),
        ({"web/all": "../web"}, {}),
    ],
)
def test_links_lead_to_files_of_the_tree(links, targets):
    resolved = resolve_links(links, FILES)
    assert targets.items() <= resolved.targets.items()
    assert len(resolved.targets) == len(targets) or "site" in links
    assert resolved.unreadable == frozenset()


@pytest.mark.parametrize(
    "text",
    ["missing", "../Dockerfile", "/etc/passwd", "a", "web/../../x", "Dockerfile/x", "web/app/base.txt/..", "k8s/x"],
)
def test_link_that_leads_to_no_file_of_the_tree_is_unreadable(text):
    resolved = resolve_links({"a": text}, FILES)
    assert (resolved.targets, resolved.unreadable) == ({}, {"a"})


def test_circle_of_links_is_unreadable():
    links = {"a": "b", "b": "c", "c": "a/x"}
    assert resolve_links(links, FILES).unreadable == set(links)


def test_links_that_multiply_are_bounded(monkeypatch):
    links = {f"l{number}": f"l{number + 1}/../l{number + 1}" for number in range(60)}
    with soon(2):
        assert "l0" in resolve_links(links, FILES).unreadable
    monkeypatch.setattr(module, "MAX_LINKED_FILES", 3)
    resolved = resolve_links({"a": "web", "b": "web"}, FILES)
    assert (len(resolved.targets), resolved.unreadable) == (2, {"b"})
    links = {"a": "web", "b": "web", "c": "Dockerfile", "d": "missing"}
    resolved = resolve_links(links, FILES)
    assert (resolved.targets["c"], resolved.unreadable) == ("Dockerfile", {"b", "d"})
    monkeypatch.setattr(module, "MAX_LINKS", 1)
    assert resolve_links({"a": "Dockerfile", "b": "Dockerfile"}, FILES).unreadable == {"b"}
