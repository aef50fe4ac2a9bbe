"""The parts of deliveries that are the same on GitHub, Gitea and Forgejo."""

from __future__ import annotations

from collections.abc import Mapping

from bot.events.fields import JsonObject, read_object, read_objects, read_text
from bot.events.forge_changes import (
    Changes,
    RequestAction,
    find_dashboard_change,
    find_pushes,
    find_request_change,
    read_long_text,
    read_name,
    report_repository,
)


def read_repository(document: JsonObject) -> str:
    """Return the name of the repository in which the event happened."""
    return read_name(read_object(document.get("repository"), "repository").get("full_name"), "repository.full_name")


def read_push(document: JsonObject) -> Changes:
    """Return the push that a delivery of the event `push` reports."""
    return find_pushes(read_repository(document), [(document.get("ref"), document.get("after"))])


def read_request(document: JsonObject, actions: Mapping[str, RequestAction]) -> Changes:
    """Return the change of a pull request. `actions` maps the actions to which basebump reacts to their meanings."""
    action = actions.get(read_text(document.get("action"), "action"))
    if action is None:
        return ()
    repository, request = read_repository(document), read_object(document.get("pull_request"), "pull_request")
    source = read_object(request.get("head"), "pull_request.head").get("repo")
    if source is None or read_object(source, "pull_request.head.repo").get("full_name") != repository:
        return ()
    added = [document["label"]] if "label" in document else request.get("labels")
    labels = _read_labels(added) if action is RequestAction.LABEL else []
    return find_request_change(repository, action, read_long_text(request.get("body"), "pull_request.body"), labels)


def read_issue(document: JsonObject) -> Changes:
    """Return the change of the dashboard."""
    if read_text(document.get("action"), "action") != "edited":
        return ()
    repository, issue = read_repository(document), read_object(document.get("issue"), "issue")
    text = read_long_text(issue.get("body"), "issue.body")
    return find_dashboard_change(repository, text, _read_labels(issue.get("labels")))


def read_repository_change(document: JsonObject, actions: frozenset[str]) -> Changes:
    """Return the change of the repository itself. `actions` are the actions to which basebump reacts."""
    is_relevant = read_text(document.get("action"), "action") in actions
    return report_repository(read_repository(document)) if is_relevant else ()


def _read_labels(value: object) -> list[str]:
    """Return the names in a list of labels; empty if the field is missing."""
    return (
        [] if value is None else [read_text(each.get("name"), "label.name") for each in read_objects(value, "labels")]
    )
