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


def of_github(error):
    return str(github_errors.explain_error(error, "find it", "contents: read", secret=SECRET, now=NOW))


def of_gitlab(error):
    return str(gitlab_errors.explain_error(error, "find it", "a role", {}, secret=SECRET, now=NOW))


def of_azure(error):
    return str(azure_errors.AZURE_ERRORS.explain_error(error, "find it", "a permission", secret=SECRET, now=NOW))


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what the library raises is the question
        call()
    return caught.value


@pytest.mark.parametrize("explain", [of_github, of_gitlab, of_azure])
def test_a_header_that_cannot_be_sent_is_not_shown(explain):
    error = raised(lambda: requests.get("http://127.0.0.1:9", headers={"Authorization": f"Bearer {SECRET}"}, timeout=1))
    said = explain(error)
    assert "s3c" not in said
    assert "r3t" not in said


@pytest.mark.parametrize("explain", [of_github, of_gitlab, of_azure])
def test_a_host_that_is_not_there_has_a_cause_and_no_words_of_a_library(explain):
    said = explain(raised(lambda: requests.get("http://127.0.0.1:9/user", timeout=1)))
    assert "Connection refused; hint: check the network and the URL" in said
    assert "and set HTTPS_PROXY if this network needs a proxy; `scan` and `check` need no forge" in said
    assert said.count("hint: ") == 1


@pytest.mark.parametrize(
    ("explain", "name"), [(of_github, "GitHub"), (of_gitlab, "GitLab"), (of_azure, "Azure DevOps")]
)
@pytest.mark.parametrize("error", [json.JSONDecodeError, requests.exceptions.JSONDecodeError])
def test_an_answer_that_is_no_json_is_not_the_forges(explain, name, error):
    assert f"its answer is not {name}'s" in explain(error("Expecting value", "<html>", 0))
