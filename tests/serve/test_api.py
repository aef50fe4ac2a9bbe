"""The API of the service, held to its description in OpenAPI."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from openapi_schema_validator import OAS31Validator
from support.service.deployments import build_stage_reader, record_deployments
from support.service.year import PUBLIC, SENDERS, build_ports, open_year

from bot.resources import read_config
from bot.serve.access import USER_MISSING
from bot.serve.api import ANSWERS, list_api_routes
from bot.serve.http import HttpRequest, Response, Router
from bot.settings.sections.serve import ServeSection, SocketAddress

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
USERS = ServeSection(events=SENDERS, user_header="X-Forwarded-Email")
NAMED = {"x-forwarded-email": "kim@example.com"}
DESCRIPTION = json.loads(read_config("openapi.json"))
PREFIX = DESCRIPTION["servers"][0]["url"]
PUBLIC_PATH = f"/repositories/github/github.com/{PUBLIC}"


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    return open_year(tmp_path_factory.mktemp("state") / "year.db", NOW)


@pytest.fixture(scope="module")
def deployments(tmp_path_factory):
    return open_year(tmp_path_factory.mktemp("state") / "deployments.db", NOW, record_deployments)


def get(database, path: str, *, settings=USERS, headers=NAMED, stage_reader=None, **query) -> Response:
    router = Router(list_api_routes(build_ports(database, NOW, settings, stage_reader)))
    return router.answer(HttpRequest("GET", PREFIX + path, query, headers))


def read(database, path: str, **more):
    response = get(database, path, **more)
    assert (response.status, response.content_type) == (200, "application/json")
    return json.loads(response.body)


def list_problems(path: str, response: Response) -> list[str]:
    """Return what the description does not allow in a response."""
    described = DESCRIPTION["paths"][path]["get"]["responses"][str(response.status)]["content"]
    if response.content_type.partition(";")[0] not in described:
        return [response.content_type]
    schema = {**described[response.content_type]["schema"], "components": DESCRIPTION["components"]}
    return [each.message for each in OAS31Validator(schema).iter_errors(json.loads(response.body))]


def test_openapi_description_lists_exactly_the_routes_of_the_api():
    assert set(DESCRIPTION["paths"]) == {path.replace("...", "") for path in ANSWERS}


def test_openapi_description_lists_the_parameters_in_every_path():
    for path, operations in DESCRIPTION["paths"].items():
        described = {each["name"] for each in operations["get"].get("parameters", ()) if each["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", path))


def test_every_openapi_schema_is_valid_and_used():
    text = json.dumps(DESCRIPTION)
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        assert f'"#/components/schemas/{name}"' in text
        OAS31Validator.check_schema(schema)


def build_example(path: str) -> tuple[str, dict[str, str]]:
    """Return a path and a query from the examples in the description."""
    parameters = DESCRIPTION["paths"][path]["get"].get("parameters", ())
    for each in parameters:
        path = path.replace(f"{{{each['name']}}}", each.get("example", ""))
    return path, {each["name"]: each["example"] for each in parameters if each["in"] == "query" and "example" in each}


@pytest.mark.parametrize("path", DESCRIPTION["paths"])
def test_every_api_response_matches_the_openapi_schema_and_needs_a_user(year, path):
    example, query = build_example(path)
    response = get(year, example, **query)
    assert response.status == 200
    assert list_problems(path, response) == []
    refused = get(year, example, headers={})
    assert (refused.status, refused.body) == (403, USER_MISSING)
    assert "403" in DESCRIPTION["paths"][path]["get"]["responses"]


@pytest.mark.parametrize("shown", ["open", "overdue", "fixes", "merged", "closed"])
def test_every_api_list_of_proposals_matches_the_openapi_schema(year, shown):
    response = get(year, "/proposals", show=shown)
    assert list_problems("/proposals", response) == []
    assert json.loads(response.body)["total"] == len(json.loads(response.body)["proposals"]) or shown == "merged"


@pytest.mark.parametrize(
    ("path", "example", "query", "status"),
    [
        ("/usage", "/usage", {}, 400),
        ("/usage", "/usage", {"image": "python", "not_on": "sha256:1"}, 400),
        ("/images/{name}", "/images/nothing", {}, 404),
        ("/vulnerabilities/{id}", "/vulnerabilities/nothing", {}, 404),
        ("/images/{name}", "/images/NO image", {}, 404),
        ("/repositories/{forge}/{path}", "/repositories/github/github.com/acme/nothing", {}, 404),
    ],
)
def test_api_errors_match_the_openapi_schema(year, path, example, query, status):
    response = get(year, example, **query)
    assert response.status == status
    assert list_problems(path, response) == []


def test_vulnerability_api_withholds_private_findings_and_repositories_without_a_user(year):
    named = read(year, "/vulnerabilities/cve-2026-3094")
    assert (named["vulnerability"], named["withheld"]) == ("CVE-2026-3094", False)
    assert any(finding["private"] for image in named["images"] for finding in image["findings"])
    anonymous = read(year, "/vulnerabilities/CVE-2026-3094", settings=ServeSection(), headers={})
    assert anonymous["withheld"] is True
    assert {use["repository"] for image in anonymous["images"] for use in image["uses"]} == {PUBLIC}
    assert not any(finding["private"] for image in anonymous["images"] for finding in image["findings"])


def test_usage_api_omits_references_with_the_digest_given_in_parameter_not_on(year):
    everything = read(year, "/usage", image="python:3.12-slim")["usages"]
    digest = everything[0]["digest"]
    others = read(year, "/usage", image="python:3.12-slim", not_on=digest)["usages"]
    assert others == [each for each in everything if each["digest"] != digest]
    assert 0 < len(others) < len(everything)


def test_api_responses_link_to_the_next_page_until_the_last_page(year, monkeypatch):
    monkeypatch.setattr("bot.serve.api.API_ROWS", 3)
    links, address, numbers = 0, {"show": "open"}, []
    while address is not None:
        response = get(year, "/proposals", **address)
        numbers += [each["number"] for each in json.loads(response.body)["proposals"]]
        link = re.fullmatch(r'<\?show=open&page=(\d+)>; rel="next"', dict(response.headers).get("Link", ""))
        address = {"show": "open", "page": link[1]} if link is not None else None
        links += 1
    assert links > 3
    assert len(numbers) == len(set(numbers)) == json.loads(response.body)["total"]


def test_api_withholds_findings_of_private_repositories_without_a_user(year):
    everybody = ServeSection(listen=SocketAddress("0.0.0.0", 8080))
    anonymous = read(year, "/proposals", settings=everybody, headers={})["proposals"]
    assert all(each["fixes"] is None and each["fixes_withheld"] for each in anonymous)
    assert any(each["fixes"] for each in read(year, "/proposals")["proposals"])
    web = "/repositories/github/github.com/acme/web"
    assert "evidence" in read(year, web)["reports"][0]["references"][0]
    withheld = read(year, web, settings=ServeSection(), headers={})
    assert withheld["evidence_withheld"]
    assert not any("evidence" in each for each in withheld["reports"][0]["references"])
    public = read(year, PUBLIC_PATH, settings=ServeSection(), headers={})["reports"][0]["references"]
    shown = [each["evidence"] for each in public if "evidence" in each]
    assert shown
    assert not any("runs_in" in each for each in shown)
    named = read(year, PUBLIC_PATH)["reports"][0]["references"]
    assert all(
        each["evidence"]["runs_in"][0]["places"][0]["cluster"] == "prod-eu" for each in named if "evidence" in each
    )


def test_summary_api_includes_trends_of_fixes_for_the_fleet_and_each_team(year):
    summary = read(year, "/summary")
    assert summary["proposals"]["open"] == 28
    assert {each["by"] for each in summary["fixes"]["trends"]} == {"all", "team"}


@pytest.mark.parametrize("settings", [USERS, ServeSection(events=SENDERS)])
@pytest.mark.parametrize("path", ["/stages", "/usage", "/images/{name}", "/repositories/{forge}/{path}"])
def test_api_responses_with_stages_of_updates_match_the_openapi_schema(deployments, path, settings):
    example, query = build_example(path)
    response = get(deployments, example, settings=settings, stage_reader=build_stage_reader(deployments), **query)
    assert list_problems(path, response) == []


def test_stages_api_names_workloads_and_clusters_only_for_known_users(deployments):
    def get_stages(settings):
        reader = build_stage_reader(deployments)
        return json.loads(get(deployments, "/stages", settings=settings, stage_reader=reader).body)["stages"]

    named, unnamed = get_stages(USERS), get_stages(ServeSection(events=SENDERS))
    assert [(each["name"], each["unwanted"]) for each in named["unwanted"]] == [("legacy", "gone")]
    assert {each["name"] for each in named["unlisted"]} == {"ingress-nginx"}
    assert {each["state"] for each in named["stuck"]} >= {"merged, not rebuilt", "rebuilt, not running"}
    assert (unnamed["unwanted"], unnamed["unlisted"], unnamed["clusters"]) == (None, None, None)
    assert [each["use"] for each in unnamed["stuck"]] == [each["use"] for each in named["stuck"]]
    assert "Deployment" not in json.dumps(unnamed)


def test_usage_api_names_workloads_and_clusters_only_for_known_users(deployments):
    def get_usage(settings):
        reader = build_stage_reader(deployments)
        return json.loads(get(deployments, "/usage", settings=settings, stage_reader=reader, image="debian:12").body)

    named, unnamed = get_usage(USERS), get_usage(ServeSection(events=SENDERS))
    assert [each["cluster"] for each in named["clusters"]] == ["edge", "prod", "staging"]
    assert any(update["workloads"] for usage in named["usages"] for update in usage["updates"])
    assert (unnamed["clusters"], unnamed["running"]) == (None, None)
    assert {update["workloads"] for usage in unnamed["usages"] for update in usage["updates"]} == {None}
    assert named["funnels"] == unnamed["funnels"]
    assert "Deployment" not in json.dumps(unnamed)
