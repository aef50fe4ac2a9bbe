"""Messages about servers that do not answer: they contain the cause, and never the token."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import requests

from bot.forges.azure import azure_errors
from bot.forges.github import github_errors
from bot.forges.gitlab import gitlab_errors

SECRET = "s3c\nr3t"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def explain_github_error(error):
    return str(github_errors.explain_error(error, "find it", "contents: read", secret=SECRET, now=NOW))


def explain_gitlab_error(error):
    return str(gitlab_errors.explain_error(error, "find it", "a role", {}, secret=SECRET, now=NOW))


def explain_azure_error(error):
    return str(azure_errors.AZURE_ERRORS.explain_error(error, "find it", "a permission", secret=SECRET, now=NOW))


def catch_error(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what the library raises is the question
        call()
    return caught.value


@pytest.mark.parametrize("explain", [explain_github_error, explain_gitlab_error, explain_azure_error])
def test_error_about_invalid_header_does_not_show_token(explain):
    error = catch_error(
        lambda: requests.get("http://127.0.0.1:9", headers={"Authorization": f"Bearer {SECRET}"}, timeout=1)
    )
    said = explain(error)
    assert "s3c" not in said
    assert "r3t" not in said


@pytest.mark.parametrize("explain", [explain_github_error, explain_gitlab_error, explain_azure_error])
def test_unreachable_host_is_reported_with_cause_and_hint(explain):
    said = explain(catch_error(lambda: requests.get("http://127.0.0.1:9/user", timeout=1)))
    assert "Connection refused; hint: check the network and the URL" in said
    assert "and set HTTPS_PROXY if this network needs a proxy; `scan` and `check` need no forge" in said
    assert said.count("hint: ") == 1


@pytest.mark.parametrize(
    ("explain", "name"),
    [(explain_github_error, "GitHub"), (explain_gitlab_error, "GitLab"), (explain_azure_error, "Azure DevOps")],
)
@pytest.mark.parametrize("error", [json.JSONDecodeError, requests.exceptions.JSONDecodeError])
def test_error_about_invalid_json_says_that_response_is_not_in_format_of_forge(explain, name, error):
    assert f"its response does not have {name}'s format" in explain(error("Expecting value", "<html>", 0))
