"""The pages of the service, over a made-up year in a real state."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from support.service.work import LEASE, WEB, interrupt_work, request_work
from support.service.year import PUBLIC, SENDERS, build_ports, open_year
from support.visits import API, NEW, OLD, build_request, build_verdict, build_visit

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.inventory import BranchKey
from bot.model.proposal import ClosedBy, DeclineScope, RequestState
from bot.model.vocabulary import ReferenceStatus
from bot.model.work import MAX_INTERRUPTIONS, VisitWork, WorkKind, WorkPriority, WorkReason, WorkRequest
from bot.serve.access import FOREIGN_HOST, USER_MISSING
from bot.serve.http import HttpRequest, Response, Router
from bot.serve.pages import PAGES, list_page_routes
from bot.serve.pages.request_tables import FINDINGS_LEFT_OUT
from bot.settings.sections.serve import ServeSection, SocketAddress
from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
USERS = ServeSection(events=SENDERS, user_header="X-Forwarded-Email")
OPEN = ServeSection(listen=SocketAddress("0.0.0.0", 8080))
"""A service that everybody can reach."""
NAMED = {"x-forwarded-email": "kim@example.com"}
LEFT_OUT = FINDINGS_LEFT_OUT.partition("`")[0]
EXAMPLES = {
    "/images/{name...}": "/images/docker.io/library/python:3.12-slim",
    "/repositories/{forge}/{path...}": "/repositories/github/github.com/acme/web",
    "/vulnerabilities/{id}": "/vulnerabilities/CVE-2026-3094",
}
PATHS = [EXAMPLES.get(path, path) for path in PAGES]


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    return open_year(tmp_path_factory.mktemp("state") / "year.db", NOW)


def get(database, path: str, *, settings=USERS, headers=NAMED, **query) -> Response:
    ports = build_ports(database, NOW, settings)
    if path == "/":  # on a busy machine, computing the fixes takes longer than the page waits
        ports.trends.load(timedelta(minutes=1))
    return Router(list_page_routes(ports)).answer(HttpRequest("GET", path, query, headers))


def read(database, path: str, **more) -> str:
    """Return the text of a page, without its markup."""
    response = get(database, path, **more)
    assert response.status == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.body.decode()))


@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_complete_html_without_scripts(year, path):
    response = get(year, path)
    text = response.body.decode()
    assert response.status == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert ("Cache-Control", "no-store") in response.headers
    assert text.count("<h1>") == 1
    assert not re.search(r"<script|<style|style=|javascript:|\son\w+=", text)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_can_be_rendered_from_an_empty_state(tmp_path, path):
    response = get(Database.sqlite(tmp_path / "state.db"), path)
    assert response.status == (404 if path.startswith(("/images/", "/repositories/")) else 200)


@pytest.mark.parametrize("path", PATHS)
def test_pages_require_the_user_header_if_configured(year, path):
    for headers in ({}, {"x-forwarded-email": " "}):
        response = get(year, path, headers=headers)
        assert (response.status, response.body) == (403, USER_MISSING)


def test_local_service_refuses_requests_with_a_foreign_host_header(year):
    local = ServeSection()
    for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]", "localhost"):
        assert get(year, "/", settings=local, headers={"host": host}).status == 200
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"):
        response = get(year, "/", settings=local, headers={"host": host})
        assert (response.status, response.body) == (403, FOREIGN_HOST)
    everywhere = ServeSection(listen=SocketAddress("0.0.0.0", 8080))
    assert get(year, "/", settings=everywhere, headers={"host": "basebump.example"}).status == 200


def test_overview_shows_figures_trends_and_waiting_updates(year):
    text = read(year, "/")
    for words in ("Overdue 5 of 28 proposals", "Waiting fixes:", "Overdue proposals", "What waits", "exploited"):
        assert words in text


def test_pages_show_findings_of_private_repositories_only_to_users(year):
    named = read(year, "/proposals", show="fixes")
    assert "1 exploited" in named
    assert LEFT_OUT not in named
    anonymous = read(year, "/proposals", show="fixes", settings=OPEN, headers={})
    assert "1 exploited" not in anonymous
    assert LEFT_OUT in anonymous
    assert "acme/web (main)" in anonymous


def test_pages_show_numbers_of_fixes_to_everybody_on_this_machine(year):
    local = read(year, "/proposals", show="fixes", settings=ServeSection(), headers={})
    assert "1 exploited" in local
    assert LEFT_OUT not in local


def test_pages_show_evidence_without_user_only_for_images_of_public_repositories(year):
    private = "/images/acmeregistry.azurecr.io/base/java:21"
    assert "CVE-2026-3094" in read(year, private)
    assert "CVE-2026-3094" not in read(year, private, settings=ServeSection(), headers={})
    assert "Evidence is left out" in read(year, private, settings=ServeSection(), headers={})
    public = f"/repositories/github/github.com/{PUBLIC}"
    assert "CVE-2026-2511" in read(year, public, settings=ServeSection(), headers={})


def test_queue_page_shows_waiting_running_and_failed_work(year):
    text = read(year, "/queue")
    assert "github.com answers 502" in text
    assert "worker-1" in text
    assert "look up docker.io/library/python:3.12-slim image pushed exploited" in text
    finished = read(year, "/queue", show="finished")
    assert "failed the registry answers 503" in finished


def test_queue_page_shows_during_which_work_the_process_ended(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    queue = DatabaseWorkQueue(database)
    request_work(queue, WEB)
    [claimed] = queue.claim_work("worker-1", [WorkKind.VISIT], 1, LEASE)
    queue.postpone_work("worker-1", claimed, timedelta(), "github.com answers 502")
    interrupt_work(queue, WEB, times=MAX_INTERRUPTIONS)
    [claimed] = queue.claim_work("worker-1", [WorkKind.VISIT], 1, LEASE)
    queue.delay_work("worker-1", claimed, timedelta(minutes=10))
    text = read(database, "/queue")
    assert "the process ended during this work, 3 times in a row; before that: github.com answers 502" in text
    assert "failed once interrupted 3 times" in text


def test_events_page_shows_fifty_events_with_links_to_other_pages(year):
    first, second = read(year, "/events"), read(year, "/events", page="2")
    assert "Next page" in first
    assert "Previous page" not in first
    assert "51 to 70" in second
    assert "Next page" not in second
    assert read(year, "/events", page="x") == first


def test_health_page_shows_senders_that_never_delivered(year):
    assert "base-images signed never" in read(year, "/health")


def test_events_page_shortens_delivery_hashes_and_hides_made_up_identifiers(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    log = DatabaseServiceLog(database)
    for delivery_id, outcome in (
        (f"sha256:{'ab' * 32}", DeliveryOutcome.NOT_USED),
        ("refused-2026-11-25T12", DeliveryOutcome.REFUSED),
    ):
        log.record_delivery(Delivery("lab", delivery_id, NOW, outcome, "0123456789abcdef"), ())
    text = read(database, "/events")
    assert "abababababab 01234567" in text
    assert "refused-" not in text
    assert "Not used: no repository uses the image" in text
    assert "Not used:" not in read(database, "/")


def test_image_names_on_the_events_page_link_to_the_search(year):
    assert b'href="/search?q=docker.io%2Flibrary%2Fpython%3A3.12-slim"' in get(year, "/events").body
    assert "docker.io/library/python:3.12-slim" in read(year, "/search", q="docker.io/library/python:3.12-slim")


def test_image_page_shows_references_digests_and_evidence(year):
    text = read(year, "/images/python:3.12-slim")
    for words in ("Where it is used", "services/0/Dockerfile:1", "What the next digests change", "CVE-2026-3094"):
        assert words in text


def test_images_page_sorts_by_risk_and_links_to_other_orders(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    names = ("golang:1", "node:22", "python:3.12", "redis:7")
    fixes = {"node:22": {"critical": 2}, "python:3.12": {"exploited": 1, "high": 3}, "redis:7": None}
    requests = [
        build_request(index, branch=name, targets=(f"docker.io/library/{name}@{NEW}",), fixes=fixes[name])
        for index, name in enumerate(fixes, 1)
    ]
    visits = [build_visit(*names, requests=tuple(requests)), build_visit("golang:1", "redis:7", key=API)]
    DatabaseInventoryStore(database).record_visits(visits, {}, NOW)

    def list_images(**query: str) -> list[str]:
        return re.findall(
            r'<th scope="row">.*?library/([a-z]+:[0-9.]+)<', get(database, "/images", **query).body.decode()
        )

    assert list_images() == list_images(sort="nonsense") == ["python:3.12", "node:22", "golang:1", "redis:7"]
    assert list_images(sort="name") == ["golang:1", "node:22", "python:3.12", "redis:7"]
    assert list_images(sort="use") == ["golang:1", "redis:7", "node:22", "python:3.12"]
    page = get(database, "/images", q="o", sort="name").body.decode()
    assert 'href="?q=o&amp;sort=use"' in page
    assert '<input type="hidden" name="sort" value="name">' in page
    assert 'type="hidden"' not in get(database, "/images", q="o", page="2").body.decode()
    text = read(database, "/images")
    assert "1 exploited 3 high" in text
    assert "not known" in text
    anonymous = read(database, "/images", settings=OPEN, headers={})
    assert "exploited" not in anonymous
    assert "not shown" in anonymous


def test_repositories_page_shows_owners(year):
    assert re.search(r"acme/web \(main\) @acme/(web|data|platform) ", read(year, "/repositories", q="web"))


@pytest.mark.parametrize("path", ["/images/docker.io/library/python:3.12", "/repositories/github/github.com/acme/web"])
def test_page_explains_that_a_person_declined_the_update(tmp_path, path):
    database = Database.sqlite(tmp_path / "state.db")
    outdated = build_verdict(f"python:3.12@{OLD}", ReferenceStatus.UPDATE, new_digest=NEW)
    closed = build_request(
        12, RequestState.CLOSED, ended_at=NOW, closed_by=ClosedBy.PERSON, declines=DeclineScope.DIGEST
    )
    DatabaseInventoryStore(database).record_visits([build_visit(outdated, requests=(closed,))], {}, NOW)
    text = read(database, path)
    assert "declined on 2026-11-25: pull request #12 was closed without a merge" in text
    assert "does not propose this digest again, unless a person sets the label `basebump-again`" in text


@pytest.mark.parametrize(
    ("closed_by", "words"),
    [
        (ClosedBy.PERSON, "declined"),
        (ClosedBy.BASEBUMP, "withdrawn by basebump"),
        (ClosedBy.BRANCH_DELETION, "closed, because its branch was deleted"),
        (None, "closed"),
    ],
)
def test_proposals_page_shows_who_closed_each_proposal(tmp_path, closed_by, words):
    database = Database.sqlite(tmp_path / "state.db")
    closed = build_request(12, RequestState.CLOSED, ended_at=NOW, closed_by=closed_by)
    DatabaseInventoryStore(database).record_visits([build_visit("python:3.12", requests=(closed,))], {}, NOW)
    assert f" {words} 0 s ago" in read(database, "/proposals", show="closed")


@pytest.mark.parametrize("path", ["/images/nothing", "/images/NOT an image", "/repositories/github/github.com/acme/no"])
def test_pages_of_unknown_images_and_repositories_have_status_404(year, path):
    response = get(year, path)
    assert response.status == 404
    assert b"Not found" in response.body


@pytest.mark.parametrize("path", ["/", "/images", "/repositories", "/proposals", "/trends"])
def test_pages_of_an_empty_state_say_when_and_how_data_appears(tmp_path, path):
    database = Database.sqlite(tmp_path / "state.db")
    text = read(database, path)
    assert "basebump has not read a repository yet. It first lists all repositories" in text
    assert "within a minute after basebump serve was started" in text
    queue = DatabaseWorkQueue(database)
    request_work(queue, WEB)
    assert "starts as soon as a worker is free" in read(database, path)
    queue.claim_work("a", list(WorkKind), 1, timedelta(minutes=1))
    assert "It is working on this now" in read(database, path)
    DatabaseInventoryStore(database).record_visits([build_visit("python:3.12")], {}, NOW)
    assert "has not read a repository" not in read(database, path)


def test_search_finds_images_and_repositories_in_any_case(year):
    text = read(year, "/search", q="PYTHON")
    assert "docker.io/library/python:3.12-slim" in text
    assert "No base branch has such a name" in text
    assert "acme/web (main)" in read(year, "/search", q="acme/WEB")
    assert "No base branch uses such an image" in read(year, "/search", q="100%_")


@pytest.mark.parametrize("words", ["CVE-2026-3094", "cve-2026-3094 ", "CVE\u20112026\u20113094"])
def test_search_for_vulnerability_shows_the_exposed_images(year, words):
    text = read(year, "/search", q=words)
    for part in ("CVE-2026-3094", "backdoor in liblzma", "Images that contain it", "15 of 18 digests in use are known"):
        assert part in text


def test_search_for_unknown_vulnerability_states_how_many_images_are_known(year):
    text = read(year, "/search", q="GHSA-rxwq-x6h5-x525")
    assert "No known image in use contains it." in text
    assert "The vulnerabilities of 3 digests are not known: 3 failed." in text
    assert "Images that contain it" not in text


def test_page_of_vulnerability_shows_where_fixes_are_and_who_uses_the_images(year):
    text = read(year, "/vulnerabilities/CVE-2026-3094")
    for part in ("in the newest digest of the tag", "12 d ago date of the advisory", "xz-utils", "@acme/web", "#"):
        assert part in text
    assert "in the distribution, in no digest of the tag" in read(year, "/vulnerabilities/CVE-2026-0553")


def test_page_of_vulnerability_without_user_shows_only_public_repositories(year):
    """A list of what a fleet is exposed to is what an attacker wants most."""
    text = read(year, "/vulnerabilities/CVE-2026-3094", settings=ServeSection(), headers={})
    assert "Evidence is left out" in text
    assert "No known image in use contains it." not in text
    assert "acme/docs (main)" in text
    assert "acme/web (main)" not in text
    assert "acmeregistry.azurecr.io" not in text


def test_exposure_page_shows_images_by_the_place_of_the_fix_and_what_is_known(year):
    text = read(year, "/exposure")
    for part in (
        "Exploited, with a fix 10 images in use",
        "Fix in the newest digest 8",
        "Oldest of these fixes 12 d",
        "15 of 18 digests in use are known",
        "CVE-2026-3094 exploited 10 20",
        "Images that wait for their publishers",
        "How far publishers are behind",
        "@acme/web",
        "20 d ago",
    ):
        assert part in text


def test_exposure_page_without_user_shows_numbers_but_no_vulnerabilities(year):
    text = read(year, "/exposure", settings=ServeSection(), headers={})
    assert "Exploited, with a fix" in text
    assert "Evidence is left out" in text
    assert "CVE-" not in text.replace("or CVE", "")


def test_exposure_page_of_an_empty_state_says_when_data_appears(tmp_path):
    assert "The exposure is not known yet." in read(Database.sqlite(tmp_path / "state.db"), "/exposure")


def test_overview_begins_with_the_exposure(year):
    text = read(year, "/")
    assert text.index("Exploited or critical, with a fix") < text.index("Overdue")


def test_page_of_text_that_is_not_a_vulnerability_is_missing(year):
    response = get(year, "/vulnerabilities/latest")
    assert (response.status, b"not the id of a vulnerability" in response.body) == (404, True)


def test_untrusted_text_on_pages_is_escaped(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    ports = build_ports(database, NOW, USERS)
    word = "<img src=x onerror=alert(1)>\u202e'\""
    ports.queue.request_work(
        [WorkRequest(VisitWork("github", "github.com", word), WorkPriority.USER, WorkReason.DUE, "1")]
    )
    response = get(database, "/queue")
    assert b"<img" not in response.body
    assert b"&lt;img src=x onerror=alert(1)&gt; &#39;&#34;" in response.body
    assert b"<img" not in get(database, "/search", q=word).body


def test_local_folder_without_host_has_a_repository_page(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    key = BranchKey("local", "", "web", "main")
    DatabaseInventoryStore(database).record_visits([build_visit("nginx:1", key=key)], {}, NOW)
    assert "/repositories/local/-/web" in get(database, "/repositories").body.decode()
    assert "docker.io/library/nginx:1" in read(database, "/repositories/local/-/web")


def test_stylesheet_url_contains_a_hash_and_needs_no_user(year):
    address = re.search(r'rel="stylesheet" href="([^"]+)"', get(year, "/").body.decode())[1]
    style = get(year, address, headers={})
    assert (style.status, style.content_type) == (200, "text/css; charset=utf-8")
    assert get(year, "/static/basebump-000000000000.css", headers={}).status == 404
