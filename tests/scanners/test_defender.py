"""Microsoft Defender for Cloud as a scanner, over an emulated resource graph and a registry on loopback."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.azure_scene import MANAGERS, manager
from support.entra import RESOURCE_MANAGER, Entra
from support.listener import Reply
from support.registry import Certificate
from support.resource_graph import SUBSCRIPTION, Graph, cve, grouped, individual, of_image
from support.tunnel import Tunnel

from bot.core.compare import compare
from bot.demo.images import ImageStore, image, index, layer
from bot.demo.registry import LoopbackRegistry
from bot.model.evidence import NotScanned, Scan, SetAside, Severity, Subject, Unscanned
from bot.model.reference import Line
from bot.net import HostTrust, HttpClient
from bot.registries.access import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.scanners import defender
from bot.scanners._defender.graph import ResourceGraph
from bot.scanners._defender.rows import read_row
from bot.scanners._json import UnreadableReportError
from bot.scanners.defender import DefenderScanner
from bot.wiring.scanners import platform_manifests

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LINE = Line("contoso.azurecr.io/team/base", "1")
OLD, NEW = (image([layer({"content": word})]) for word in (b"old", b"new"))
LONG_AGO = "2026-09-01T00:00:00Z"


class Scene:
    """A registry with two indexes of two platforms, a graph, and the scanner between them."""

    def __init__(self, registry: LoopbackRegistry, store: ImageStore, graph: Graph, tunnel: Tunnel) -> None:
        self.store, self.graph, self.tunnel = store, graph, tunnel
        entry = RegistryEntry(LINE.host, mirror=registry.host, insecure=True)
        self.registry = OciRegistry([entry], environment={}, sleep=lambda _: None)
        self.old, self.new = (self.push(index([_arm(made), made])) for made in (OLD, NEW))
        self.pauses: list[float] = []

    def push(self, item, platform: str = "linux/amd64") -> Subject:
        return Subject(LINE, self.store.put(LINE.path, item), platform)

    def scanner(self, *, token: str | None = None, subscriptions=(), **options) -> DefenderScanner:
        host = self.graph.host
        known = token or self.graph.entra.token(self.graph.audience)
        http = HttpClient({host: HostTrust()}, environment=self.environment(), sleep=lambda _: None)
        asked = ResourceGraph(host, lambda: known, http, subscriptions=subscriptions, sleep=self.sleep)
        values = {"now": lambda: NOW, "max_age": timedelta(days=3)} | options
        return DefenderScanner(asked, partial(platform_manifests, self.registry), **values)

    def environment(self) -> dict[str, str]:
        return {"SSL_CERT_FILE": str(self.graph.certificate.path), **self.tunnel.environment}

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.graph.rest(seconds)

    def scan(self, *rows, of: Subject | None = None, **options):
        self.graph.rows = list(rows)
        return self.scanner(**options).scan(of or self.new)


def _arm(made):
    return image([layer({"content": b"arm of " + made.digest.encode()})], platform="linux/arm64")


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """A scene whose graph is found by its name, through the operator's proxy, and where nobody else is found."""
    real = socket.getaddrinfo

    def on_loopback(host, *words, **more):
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return real(host, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", on_loopback)
    certificate, store = Certificate.make(tmp_path, *MANAGERS), ImageStore()
    with (
        Entra(certificate) as entra,
        Graph(certificate, entra) as graph,
        manager(graph) as tunnel,
        LoopbackRegistry(store) as registry,
    ):
        yield Scene(registry, store, graph, tunnel)


def why(outcome) -> Unscanned:
    assert isinstance(outcome, NotScanned), outcome
    return outcome.why


def found(outcome) -> dict:
    assert isinstance(outcome, Scan), outcome
    return {each.id: each for each in outcome.findings}


class TestFindings:
    def test_a_row_of_the_grouped_model_is_a_finding(self, scene):
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001"))
        (finding,) = outcome.findings
        assert (finding.id, finding.package, finding.package_type) == ("CVE-2026-0001", "openssl", "os")
        assert (finding.installed, finding.fixed_in, finding.severity) == ("3.0.1-1", "3.0.2-1", Severity.HIGH)
        assert outcome.os == "ubuntu linux 20.04"

    def test_a_row_of_the_individual_model_is_one_for_each_vulnerability_that_its_update_fixes(self, scene):
        row = individual(NEW.digest, "openssl", cve("CVE-2026-0001", "Critical"), cve("CVE-2026-0002", "Low"))
        known = found(scene.scan(row))
        assert {name: each.severity for name, each in known.items()} == {
            "CVE-2026-0001": Severity.CRITICAL,
            "CVE-2026-0002": Severity.LOW,
        }
        assert {(each.package, each.installed, each.fixed_in) for each in known.values()} == {
            ("openssl", "3.0.1-1", "3.0.2-1")
        }

    def test_both_models_are_united_and_what_both_have_is_one_finding_with_all_that_is_known(self, scene):
        outcome = scene.scan(
            grouped(NEW.digest, "CVE-2026-0001", "OpenSSL", severity="Low", fixed=""),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001", "Critical"), cve("CVE-2026-0002")),
            grouped(NEW.digest, "CVE-2026-0003", "py", category="Language", language="Python"),
            individual(NEW.digest, "py", cve("CVE-2026-0003"), package_type="Language", language="python"),
        )
        known = found(outcome)
        assert [each.id for each in outcome.findings] == ["CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"]
        assert (known["CVE-2026-0001"].severity, known["CVE-2026-0001"].fixed_in) == (Severity.CRITICAL, "3.0.2-1")
        assert known["CVE-2026-0003"].package_type == "python"

    def test_the_case_of_keys_does_not_matter(self, scene):
        row = json.loads(json.dumps(individual(NEW.digest, "openssl", cve("CVE-2026-0001"))).replace("CveId", "cveId"))
        details = row["properties"]["additionalData"]
        row["properties"]["additionalData"] = {name.lower(): value for name, value in details.items()}
        row["properties"]["resourceDetails"]["id"] = row["properties"]["resourceDetails"].pop("Id")
        assert found(scene.scan(row)).keys() == {"CVE-2026-0001"}

    def test_a_vulnerability_without_a_severity_has_that_of_its_score(self, scene):
        rows = [
            individual(NEW.digest, "a", cve("CVE-2026-0001", "Unknown", score=9.8)),
            individual(NEW.digest, "b", cve("CVE-2026-0002", "", score=None)),
            grouped(NEW.digest, "CVE-2026-0003", severity="", score=5),
        ]
        severities = {name: each.severity for name, each in found(scene.scan(*rows)).items()}
        assert severities == {
            "CVE-2026-0001": Severity.CRITICAL,
            "CVE-2026-0002": Severity.UNKNOWN,
            "CVE-2026-0003": Severity.MEDIUM,
        }

    def test_where_an_update_has_no_details_the_names_of_its_scanner_count(self, scene):
        row = individual(NEW.digest, "flimsy-tls", mdvm={"CvesIds": ["CVE-2026-90001"]})
        assert found(scene.scan(row))["CVE-2026-90001"].severity is Severity.UNKNOWN

    def test_a_vulnerability_without_a_cve_is_called_by_its_other_names(self, scene):
        names = {"AdditionalIdentifiers": ["RHSA-2026:1", "GHSA-aaaa-bbbb-cccc"]}
        row = individual(NEW.digest, "left-pad", cve("", fields=names), language="npm", package_type="Language")
        assert found(scene.scan(row)).keys() == {"GHSA-aaaa-bbbb-cccc"}

    def test_old_and_new_are_compared_though_one_is_known_by_one_model_and_one_by_the_other(self, scene):
        scene.graph.rows = [
            grouped(OLD.digest, "CVE-2026-0001"),
            grouped(OLD.digest, "CVE-2026-0002"),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002")),
        ]
        scanner = scene.scanner()
        delta = compare(scanner.scan(scene.old), scanner.scan(scene.new)).delta
        assert [each.id for each in delta.fixed] == ["CVE-2026-0001"]
        assert [each.id for each in delta.remaining] == ["CVE-2026-0002"]
        assert not delta.introduced

    def test_two_runs_are_not_compared(self, scene):
        scene.graph.rows = [grouped(each.digest, "CVE-2026-0001") for each in (OLD, NEW)]
        earlier = scene.scanner(now=lambda: NOW - timedelta(hours=1))
        assert compare(earlier.scan(scene.old), scene.scanner().scan(scene.new)).delta is None

    def test_what_is_about_machines_or_other_matters_is_no_finding(self, scene):
        outcome = scene.scan(
            individual(NEW.digest, "kernel", cve("CVE-2026-0009"), kind="microsoft.compute/virtualmachines"),
            individual(NEW.digest, "key", cve("CVE-2026-0008"), category="Secrets"),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001")),
        )
        assert found(outcome).keys() == {"CVE-2026-0001"}


class TestWhatSomebodyAnswersFor:
    def test_what_is_exempt_in_either_model_is_set_aside_with_who_says_so(self, scene):
        outcome = scene.scan(
            grouped(NEW.digest, "CVE-2026-0001", code="NotApplicable", description="Waiver 12"),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002"), code="NotApplicable"),
            grouped(NEW.digest, "CVE-2026-0003", code="NotApplicable", cause="OffByPolicy"),
            grouped(NEW.digest, "CVE-2026-0004"),
        )
        assert found(outcome).keys() == {"CVE-2026-0004"}
        assert [(each.finding.id, each.why, each.by) for each in outcome.set_aside] == [
            ("CVE-2026-0001", "exempt: Waiver 12", "Microsoft Defender exemption"),
            ("CVE-2026-0002", "exempt", "Microsoft Defender exemption"),
            ("CVE-2026-0003", "offbypolicy", "Microsoft Defender"),
        ]

    def test_what_is_exempt_in_one_registry_and_counts_in_another_counts(self, scene):
        outcome = scene.scan(
            grouped(NEW.digest, "CVE-2026-0001"), grouped(NEW.digest, "CVE-2026-0001", code="NotApplicable")
        )
        assert found(outcome).keys() == {"CVE-2026-0001"}
        assert outcome.set_aside == ()

    def test_an_exemption_fixes_nothing(self, scene):
        scene.graph.rows = [
            grouped(OLD.digest, "CVE-2026-0001"),
            grouped(NEW.digest, "CVE-2026-0001", code="NotApplicable"),
        ]
        scanner = scene.scanner()
        evidence = compare(scanner.scan(scene.old), scanner.scan(scene.new))
        assert (evidence.delta.fixed, evidence.delta.remaining) == ((), ())
        assert isinstance(evidence.new.set_aside[0], SetAside)

    def test_a_status_that_nobody_knows_excuses_nothing(self, scene):
        assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001", code="Pending"))).keys() == {"CVE-2026-0001"}


class TestNeverZero:
    def test_an_image_without_a_row_is_not_clean(self, scene):
        outcome = scene.scan(grouped(OLD.digest, "CVE-2026-0001"))
        assert why(outcome) is Unscanned.NO_REPORT
        assert NEW.digest in outcome.detail

    @pytest.mark.parametrize(
        "healthy",
        [
            grouped(NEW.digest, "CVE-2026-0001", code="Healthy"),
            individual(NEW.digest, "openssl", code="Healthy"),
            of_image(NEW.digest),
        ],
        ids=["grouped", "individual", "image"],
    )
    def test_an_image_that_is_called_healthy_is(self, scene, healthy):
        outcome = scene.scan(healthy)
        assert isinstance(outcome, Scan), outcome
        assert outcome.findings == ()

    def test_an_image_that_nobody_says_when_to_have_been_healthy_is_not(self, scene):
        old = {"pushed": LONG_AGO, "code": "Healthy"}
        assert why(scene.scan(individual(NEW.digest, "openssl", **old))) is Unscanned.NOT_RESCANNED
        assert why(scene.scan(of_image(NEW.digest, at=None))) is Unscanned.NOT_RESCANNED
        assert isinstance(scene.scan(individual(NEW.digest, "openssl", **old), is_pulled=True), Scan)

    def test_that_there_are_vulnerabilities_is_no_list_of_them(self, scene):
        assert why(scene.scan(of_image(NEW.digest, "Unhealthy"))) is Unscanned.NO_REPORT
        assert why(scene.scan(individual(NEW.digest, "x", code="NotApplicable"))) is Unscanned.NO_REPORT

    @pytest.mark.parametrize(
        "row",
        [
            individual(NEW.digest, "openssl"),
            individual(NEW.digest, "", cve("CVE-2026-0001")),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001"), cve("")),
            grouped(NEW.digest, "CVE-2026-0001", ""),
            grouped(NEW.digest, ""),
        ],
    )
    def test_a_row_about_nothing_that_it_names_cannot_be_read_and_costs_no_other_image(self, scene, row):
        scene.graph.rows = [row, grouped(OLD.digest, "CVE-2026-0002")]
        scanner = scene.scanner()
        assert why(scanner.scan(scene.new)) is Unscanned.FAILED
        assert found(scanner.scan(scene.old)).keys() == {"CVE-2026-0002"}

    def test_a_text_that_is_no_json_cannot_be_read(self, scene):
        row = individual(NEW.digest, "openssl")
        row["properties"]["additionalData"]["CvesDetails"] = '[{"CveId": '
        assert why(scene.scan(row)) is Unscanned.FAILED

    def test_an_image_that_is_gone_or_has_no_such_platform_is_not_asked_for(self, scene):
        gone = Subject(LINE, OLD.digest.replace("a", "b"), "linux/amd64")
        assert why(scene.scan(of=gone)) is Unscanned.IMAGE_GONE
        assert why(scene.scan(of=replace(scene.new, platform="linux/s390x"))) is Unscanned.PLATFORM_MISSING
        assert scene.graph.received == []

    def test_too_much_is_refused(self, scene, monkeypatch):
        monkeypatch.setattr(defender, "MAX_FINDINGS", 1)
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001"), grouped(NEW.digest, "CVE-2026-0002"))
        assert why(outcome) is Unscanned.FAILED


class TestAge:
    def test_rows_that_are_too_old_say_nothing_of_today(self, scene):
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001", at=LONG_AGO))
        assert why(outcome) is Unscanned.NOT_RESCANNED
        assert "2026-09-01" in outcome.detail

    def test_the_last_row_decides_since_what_was_found_before_stands(self, scene):
        rows = [grouped(NEW.digest, "CVE-2026-0001", at=LONG_AGO), grouped(NEW.digest, "CVE-2026-0002")]
        assert found(scene.scan(*rows)).keys() == {"CVE-2026-0001", "CVE-2026-0002"}

    def test_a_model_that_stopped_takes_nothing_from_the_one_that_went_on(self, scene):
        rows = [
            grouped(NEW.digest, "CVE-2026-0001", at=LONG_AGO),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002")),
        ]
        assert found(scene.scan(*rows)).keys() == {"CVE-2026-0002"}

    def test_an_image_that_may_not_have_been_scanned_for_a_month_is_shown_and_not_compared(self, scene):
        scene.graph.rows = [
            individual(OLD.digest, "openssl", cve("CVE-2026-0001"), pushed=LONG_AGO),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001"), cve("CVE-2026-0002")),
        ]
        scanner = scene.scanner()
        evidence = compare(scanner.scan(scene.old), scanner.scan(scene.new))
        assert evidence.delta is None
        assert why(evidence.old) is Unscanned.DATABASE_UNKNOWN
        assert len(evidence.new.findings) == 2

    def test_unless_the_operator_vouches_that_it_is_pulled(self, scene):
        scene.graph.rows = [
            individual(OLD.digest, "openssl", cve("CVE-2026-0001"), pushed=LONG_AGO),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002"), pushed=LONG_AGO),
        ]
        scanner = scene.scanner(is_pulled=True)
        assert compare(scanner.scan(scene.old), scanner.scan(scene.new)).delta


class TestQuestions:
    def test_all_that_is_expected_is_asked_for_at_once_and_nothing_twice(self, scene):
        scene.graph.rows = [grouped(each.digest, "CVE-2026-0001") for each in (OLD, NEW)]
        scanner = scene.scanner()
        scanner.expect([scene.old, scene.new])
        assert [len(found(scanner.scan(each))) for each in (scene.old, scene.new, scene.old)] == [1, 1, 1]
        scanner.expect([scene.new])
        assert len(scene.graph.received) == 2, "one for each model"

    def test_many_are_asked_for_in_batches(self, scene, monkeypatch):
        monkeypatch.setattr(defender, "AT_ONCE", 2)
        subjects = [scene.push(image([layer({"number": str(number).encode()})])) for number in range(5)]
        scene.graph.rows = [grouped(each.digest, "CVE-2026-0001") for each in subjects]
        scanner = scene.scanner()
        scanner.expect(subjects)
        assert all(found(scanner.scan(each)) for each in subjects)
        assert len(scene.graph.received) == 6

    def test_all_pages_are_read(self, scene, monkeypatch):
        monkeypatch.setattr(defender, "PAGES", dict.fromkeys(defender.PAGES, 3))
        cves = {f"CVE-2026-{number:04}" for number in range(10)}
        assert found(scene.scan(*(grouped(NEW.digest, each) for each in sorted(cves)))).keys() == cves

    def test_pages_that_are_too_large_become_smaller(self, scene):
        scene.graph.most_bytes = 6000
        cves = {f"CVE-2026-{number:04}" for number in range(40)}
        assert found(scene.scan(*(grouped(NEW.digest, each) for each in sorted(cves)))).keys() == cves
        tops = [each["options"]["$top"] for each in scene.graph.questions]
        assert min(tops) < 10

    def test_one_row_that_is_too_large_fails(self, scene):
        scene.graph.most_bytes = 100
        assert "ResponsePayloadTooLarge" in scene.scan(grouped(NEW.digest, "CVE-2026-0001")).detail

    def test_pages_that_go_round_in_circles_or_were_cut_off_fail(self, scene):
        page = {"data": [], "$skipToken": "again", "resultTruncated": "false"}
        scene.graph.reply = Reply(200, json.dumps(page).encode())
        assert "round in circles" in scene.scan().detail
        scene.graph.reply = Reply(200, json.dumps({"data": [], "resultTruncated": "true"}).encode())
        assert "more rows than it lets anybody read" in scene.scan().detail

    def test_whoever_is_to_wait_waits_before_asking_again(self, scene):
        scene.graph.left = 1
        assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001")))
        assert scene.pauses == [5.0]
        assert len(scene.graph.received) == 2, "it was never refused"

    def test_a_refusal_to_answer_now_is_waited_out(self, scene):
        scene.graph.left = 0
        assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001")))
        assert scene.pauses == [5.0]

    def test_subscriptions_are_the_ones_that_the_config_names(self, scene):
        rows = [grouped(NEW.digest, "CVE-2026-0001")]
        assert found(scene.scan(*rows, subscriptions=[SUBSCRIPTION]))
        assert scene.graph.questions[0]["subscriptions"] == [SUBSCRIPTION]
        elsewhere = "00000000-0000-0000-0000-000000000000"
        assert why(scene.scan(*rows, subscriptions=[elsewhere])) is Unscanned.NO_REPORT

    def test_who_has_no_role_learns_which_one_is_missing(self, scene):
        scene.graph.readers = frozenset()
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001"))
        assert why(outcome) is Unscanned.FAILED
        assert "AuthorizationFailed" in outcome.detail
        assert outcome.detail.endswith("give the identity the role Security Reader on the subscriptions")

    def test_a_token_for_something_else_is_refused_and_not_shown(self, scene):
        token = scene.graph.entra.token("https://containerregistry.azure.net")
        outcome = scene.scan(token=token)
        assert "InvalidAuthenticationTokenAudience" in outcome.detail
        assert token not in outcome.detail

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": {}}', b'{"data": [1]}'])
    def test_what_is_no_answer_fails(self, scene, body):
        scene.graph.reply = Reply(200, body)
        assert why(scene.scan()) is Unscanned.FAILED


def test_the_digest_that_is_asked_for_is_that_of_the_platform(scene):
    arm = replace(scene.new, platform="linux/arm64")
    assert why(scene.scan(grouped(NEW.digest, "CVE-2026-0001"), of=arm)) is Unscanned.NO_REPORT
    assert NEW.digest not in scene.graph.questions[0]["query"]
    assert scene.new.digest not in scene.graph.questions[0]["query"]


# To whom the token goes


def test_the_token_goes_to_the_manager_alone(scene):
    assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001")))
    for received in scene.graph.received:
        token = received.headers["authorization"].removeprefix("Bearer ")
        assert scene.graph.entra.read(token, RESOURCE_MANAGER)["aud"] == RESOURCE_MANAGER
    assert set(scene.tunnel.asked) == {"management.azure.com:443"}


def test_a_redirect_is_not_followed(scene):
    scene.graph.reply = Reply(302, headers={"Location": "https://attacker.example/"})
    assert "answered 302" in scene.scan().detail
    assert set(scene.tunnel.asked) == {"management.azure.com:443"}


# Rows that nobody has seen yet

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN = [grouped(NEW.digest, "CVE-2026-0001"), individual(NEW.digest, "openssl", cve("CVE-2026-0001"))]


def _paths(value, path=()):
    """Yield the way to every value inside, that which is JSON in a text too."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*path, key)
        yield from _paths(each, (*path, key))


def _changed(value, path, new):
    if not path:
        return new
    first, *rest = path
    if isinstance(value, dict):
        return value | {first: _changed(value[first], rest, new)}
    return [*value[:first], _changed(value[first], rest, new), *value[first + 1 :]]


@given(st.sampled_from(KNOWN), st.data(), JSON)
def test_whatever_stands_in_a_row_it_is_read_or_cannot_be(known, data, new):
    row = known | {"digest": NEW.digest}
    path = data.draw(st.sampled_from([path for path in _paths(row) if path[0] == "properties"]))
    as_text = data.draw(st.booleans())
    try:
        said = read_row(_changed(row, path, json.dumps(new) if as_text else new))
    except UnreadableReportError:
        return
    assert said is None or all(each.id and each.package for each in said.findings)
