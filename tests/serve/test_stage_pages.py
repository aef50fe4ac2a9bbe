"""The pages of the service about how far updates got, over a made-up year in a real state."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from support.service.deployments import BUILDS, build_stage_reader, record_deployments
from support.service.year import SENDERS, build_ports, open_year
from support.stage_state import write_state

from bot.serve.http import HttpRequest, Response, Router
from bot.serve.pages import list_page_routes
from bot.serve.pages.stage_tables import NAMES_LEFT_OUT, STAGES_WAIT
from bot.settings.sections.serve import ServeSection
from bot.state.after_merge.own_builds import DatabaseOwnBuilds
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.after_merge.stage_reader import DatabaseStageReader, StageSources
from bot.state.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
USERS = ServeSection(events=SENDERS, user_header="X-Forwarded-Email")
NAMED = {"x-forwarded-email": "kim@example.com"}
IMAGE, SHOP = "/images/docker.io/library/python:3.12-slim", "/repositories/github/github.com/acme/ingest"
PAGES = ("/", "/stages", "/stages?show=images", "/stages?show=unlisted", IMAGE, "/images/debian:11", SHOP)


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    return open_year(tmp_path_factory.mktemp("state") / "year.db", NOW, record_deployments)


def get(database, address: str, *, settings=USERS, headers=NAMED, reader=None) -> Response:
    path, _, show = address.partition("?show=")
    ports = build_ports(database, NOW, settings, reader if reader is not None else build_stage_reader(database))
    ports.stages.load(STAGES_WAIT)  # the first page waits only for a moment
    return Router(list_page_routes(ports)).answer(HttpRequest("GET", path, {"show": show} if show else {}, headers))


def read(database, address: str, **more) -> str:
    """Return the text of a page, without its markup."""
    response = get(database, address, **more)
    assert response.status == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.body.decode()))


def test_running_digest_missing_in_registry_is_listed_before_stuck_updates(year):
    for address in ("/", "/stages"):
        text = read(year, address)
        row = "docker.io/library/debian 283bb9deef02 prod/shop/Deployment/legacy (2 pods) The registry no longer has"
        assert text.index(row) < text.index("Stuck")


def test_overview_shows_stuck_updates_and_links_to_the_whole_list(year):
    text = read(year, "/")
    assert re.search(r"Stuck (\d+) updates that wait too long for a merge, a build or a deployment .* All \1 ", text)


def test_image_page_shows_stages_of_updates_and_running_workloads(year):
    text = read(year, IMAGE).replace("\N{EN DASH}", "0")
    assert "merged 0 0 2 0 rebuilt 0 0 1 0 running 3 0 0 0 not pinned" in text
    assert "merged, not rebuilt 10 d ago acme/ingest (main) services/2/Dockerfile:1 No image was built" in text
    assert "rebuilt, not running 2 d ago acme/sessions (main)" in text
    assert "apps/web-1 " in text
    assert "prod/shop/Deployment/web-1 (2 pods), staging/shop/Deployment/web-1 (2 pods)" in text
    assert "Cluster edge was never read, so nothing is known about it. The last attempt failed: unreachable." in text


def test_repository_page_shows_no_stuck_updates_of_other_repositories(year):
    text = read(year, SHOP)
    assert "merged, not rebuilt" in text
    assert "acme/sessions" not in text


def test_stages_page_has_tabs_for_images_and_unlisted_images(year):
    assert "docker.io/library/debian:12 0 5 5 stuck 0 2 2 stuck 4 0" in read(year, "/stages?show=images")
    assert "registry.k8s.io/ingress-nginx/controller" in read(year, "/stages?show=unlisted")


@pytest.mark.parametrize("address", PAGES)
def test_pages_show_names_of_clusters_and_workloads_only_to_users(year, address):
    named = read(year, address)
    text = read(year, address, settings=ServeSection(), headers={})
    for name in ("prod/", "staging", "ingress-nginx", "Cluster edge"):
        assert name not in text
    assert "Deployment/" in named or "ingress-nginx" in named or address in {"/stages?show=images", SHOP}


def test_pages_without_user_note_that_names_from_clusters_are_left_out(year):
    text = read(year, "/stages", settings=ServeSection(), headers={})
    assert NAMES_LEFT_OUT.partition("`")[0] in text
    assert "Digests: 1; their names are left out" in text
    assert "Containers still run the image before the update: 1 workload with" in text


@pytest.mark.parametrize("address", ["/", "/proposals", IMAGE, SHOP])
def test_pages_without_clusters_and_builds_do_not_mention_stages(year, address):
    ports = build_ports(year, NOW, USERS)
    response = Router(list_page_routes(ports)).answer(HttpRequest("GET", address, {}, NAMED))
    assert response.status == 200
    for word in (b"/stages", b"Stuck", b"How far updates got", b"runs"):
        assert word not in response.body


def test_pages_without_clusters_do_not_mention_running_images(year):
    builds = DatabaseOwnBuilds(year)
    reader = DatabaseStageReader(year, StageSources(DatabaseRunningImages(year), builds, (), BUILDS))
    text = read(year, IMAGE, reader=reader)
    assert "merged, not rebuilt" in text
    assert "not running" not in text
    assert "Where it runs" not in text


def test_trends_page_shows_the_time_until_each_stage(year):
    ports = build_ports(year, NOW, USERS, build_stage_reader(year))
    ports.trends.load(STAGES_WAIT)
    page = Router(list_page_routes(ports)).answer(HttpRequest("GET", "/trends", {}, NAMED)).body.decode()
    table = page[page.index("Time to patch until each stage") :]
    assert re.findall(r'<th scope="row">(\w+)</th>', table)[:4] == ["proposed", "merged", "rebuilt", "running"]


def test_merged_fixes_not_running_by_the_due_date_are_listed_as_overdue(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    write_state(tmp_path / "state.db", NOW)
    sources = StageSources(DatabaseRunningImages(database), DatabaseOwnBuilds(database), ["prod"])
    ports = build_ports(database, NOW, USERS, DatabaseStageReader(database, sources))
    ports.stages.load(STAGES_WAIT)
    router = Router(list_page_routes(ports))
    page, first = (
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", router.answer(HttpRequest("GET", path, {}, NAMED)).body.decode()))
        for path in ("/stages", "/")
    )
    assert "Overdue after the merge, the earliest due date first" in page
    assert re.search(r"nginx:1.27 merged, not running .* acme/deploy .* apps/proxy.yaml:21 .* #13", page)
    assert "Overdue after the merge 1 of 3 merged fixes that must run by a due date and are not known to run" in first
