"""The forms of issues are as GitHub reads them, and the pages for contributors lead to the right places."""

from __future__ import annotations

import re

import pytest
import yaml
from support.parts import ROOT

FOLDER = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FOLDER.glob("*.yml") if path.stem != "config"}
KEYS_OF_FORM = {"name", "description", "labels", "body"}
ATTRIBUTES = {
    "markdown": {"value"},
    "input": {"label", "description", "placeholder", "value"},
    "textarea": {"label", "description", "placeholder", "value", "render"},
    "dropdown": {"label", "description", "options", "multiple", "default"},
    "checkboxes": {"label", "description", "options"},
}
"""The elements of a form and their attributes, from GitHub's documentation of the form schema."""


def test_issue_forms_exist_for_bug_feature_and_wrong_digest():
    assert FORMS.keys() == {"bug", "feature", "wrong-digest"}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_issue_form_has_only_elements_that_github_supports(form):
    assert form.keys() == KEYS_OF_FORM
    for element in form["body"]:
        assert element.keys() <= {"type", "id", "attributes", "validations"}
        assert element["attributes"].keys() <= ATTRIBUTES[element["type"]]
        assert element.get("validations", {"required": True}) == {"required": True}
        assert element["type"] == "markdown" or element["attributes"]["label"]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_issue_form_has_unique_ids_and_unique_options(form):
    elements = [each for each in form["body"] if each["type"] != "markdown"]
    ids = [each["id"] for each in elements]
    assert all(re.fullmatch(r"[a-z-]+", each) for each in ids)
    assert len(ids) == len(set(ids))
    for options in (each["attributes"]["options"] for each in elements if each["type"] == "dropdown"):
        assert len(options) == len(set(options)) > 1


def test_issue_forms_for_bug_and_wrong_digest_require_the_version():
    for name in ("bug", "wrong-digest"):
        (version,) = [each for each in FORMS[name]["body"] if each.get("id") == "version"]
        assert "basebump --version" in version["attributes"]["description"]
        assert version["validations"] == {"required": True}


def test_bug_form_mentions_the_security_policy_for_private_reports():
    assert "Report a vulnerability" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "security policy" in FORMS["bug"]["body"][0]["attributes"]["value"]
