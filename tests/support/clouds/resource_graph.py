"""An emulator of Azure Resource Graph on loopback, with rows of Microsoft Defender for Cloud.

The answers are as in https://learn.microsoft.com/en-us/rest/api/azureresourcegraph/resourcegraph/resources/resources;
of its query language it knows what a query needs that asks for one table, and refuses everything else. The rows have
the shape of those in Microsoft's pages (the grouped model) and of what scripts of others read (the individual one).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from support.clouds.arm import client_of
from support.clouds.entra import CLIENT, RESOURCE_MANAGER, FakeEntra, RefusedError
from support.listener import HttpListener, HttpReply, ListeningService, ReceivedRequest
from support.registries.docker_registry import SelfSignedCertificate

PATH = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
SUBSCRIPTION = "4385cf00-2d3a-425a-832f-f4285b1c9dce"
SOME, MOST = 15, 1000
"""Questions in five seconds, and rows on one page."""
Json = dict[str, Any]
_NUMBERS = count(1)


def grouped(digest: str, cve: str, package: str = "openssl", *, code: str = "Unhealthy", **more: Any) -> Json:
    """Return a row for one vulnerability, as the page on the API for sub-assessments shows one."""
    number = next(_NUMBERS)
    key = more.get("key", "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5")
    status = {"severity": more.get("severity", "High"), "code": code}
    if code == "NotApplicable":
        status |= {"cause": more.get("cause", "Exempt"), "description": more.get("description", "")}
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security/assessments/{key}/x/{number:06}",
        "name": f"{number:06}",
        "type": "microsoft.security/assessments/subassessments",
        "subscriptionId": SUBSCRIPTION,
        "properties": {
            "id": cve,
            "displayName": cve,
            "timeGenerated": more.get("at", "2026-11-25T06:00:00.0772799Z"),
            "resourceDetails": {"id": f"/repositories/team/base/images/{digest}", "source": "Azure"},
            "status": status,
            "additionalData": {
                "assessedResourceType": "AzureContainerRegistryVulnerability",
                "cvssV30Score": more.get("score", 7.5),
                "vulnerabilityDetails": {"cveId": cve, "severity": more.get("severity", "High")},
                "artifactDetails": {
                    "digest": digest,
                    "registryHost": "contoso.azurecr.io",
                    "repositoryName": "team/base",
                    "lastPushedToRegistryUTC": "2026-09-04T16:05:32.8223098Z",
                },
                "softwareDetails": {
                    "category": more.get("category", "OS"),
                    "language": more.get("language", ""),
                    "packageName": package,
                    "version": more.get("version", "3.0.1-1"),
                    "fixedVersion": more.get("fixed", "3.0.2-1"),
                    "fixStatus": "FixAvailable",
                    "osDetails": {"osPlatform": "linux", "osVersion": "ubuntu_linux_20.04"},
                },
            },
        },
    }


def cve(identifier: str, severity: str = "High", **more: Any) -> Json:
    """Return one vulnerability that an update fixes, as it stands in `CvesDetails`."""
    return {
        "CveId": identifier,
        "Severity": severity,
        "FixStatus": "FixAvailable",
        "Cvss": [{"Key": "3.1", "Value": {"Base": more.get("score", 7.5)}}],
        "ExploitabilityDetails": {"IsInExploitKit": False},
    } | more.get("fields", {})


def individual(digest: str, software: str, *cves: Json, code: str = "Unhealthy", **more: Any) -> Json:
    """Return a row for one update of a piece of software."""
    number = next(_NUMBERS)
    status: Json = {"code": code, "firstEvaluationDate": "2026-08-28T04:11:02Z"}
    if code == "NotApplicable":
        status["cause"] = more.get("cause", "Exempt")
    path = f"repositories-team-base-images-{digest}"
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security/assessments/{number:06}",
        "name": more.get("name", f"{number:06}"),
        "type": "microsoft.security/assessments",
        "subscriptionId": SUBSCRIPTION,
        "properties": {
            "displayName": f"Update {software}",
            "status": status,
            "metadata": {"recommendationCategory": more.get("category", "SoftwareUpdate"), "severity": "High"},
            "resourceDetails": {
                "Id": f"/subscriptions/{SUBSCRIPTION}/registries/contoso/{path}",
                "ResourceName": "base",
                "ResourceType": more.get("kind", "microsoft.containerregistry/registries.containerimage"),
                "Source": "Azure",
            },
            "resourceAdditionalData": json.dumps(
                {"Digest": digest, "LastPushedToRegistryUTC": more.get("pushed", "2026-11-20T10:00:00Z")}
            ),
            "additionalData": {
                "SoftwareName": software,
                "PackageType": more.get("package_type", "OS"),
                "Language": more.get("language", ""),
                "CvesDetails": json.dumps(cves),
                "ScannersDetails": {
                    "mdvm": {"DetectedSoftwareVersions": ["3.0.1-1"], "FixedVersion": "3.0.2-1"} | more.get("mdvm", {})
                },
            },
        },
    }


def of_image(digest: str, code: str = "Healthy", at: str | None = "2026-11-25T06:00:00Z") -> Json:
    """Return the row of the assessment that is about all vulnerabilities of an image."""
    row = individual(digest, "", code=code, name="33422d8f-ab1e-42be-bc9a-38685bb567b9", category="Unknown")
    row["properties"] |= {"timeGenerated": at, "additionalData": None}
    return row


@dataclass
class FakeResourceGraph(ListeningService):
    """The resource graph of one cloud, from `with` to the end of it."""

    certificate: SelfSignedCertificate
    entra: FakeEntra
    rows: list[Json] = field(default_factory=list)
    audience: str = RESOURCE_MANAGER
    readers: frozenset[str] = frozenset({CLIENT})
    """Who has the role Security Reader on the subscription, by the client's ID."""
    most_bytes: int = 16 * 1024 * 1024
    """Of the rows on one page."""
    left: int = SOME
    """Questions until it wants to be left alone."""
    reply: HttpReply | Callable[[ReceivedRequest], HttpReply] | None = None
    """Said to everybody instead."""

    def __post_init__(self) -> None:
        self._listener = HttpListener(self._answer, self.certificate)

    @property
    def host(self) -> str:
        return self.audience.removeprefix("https://")

    @property
    def questions(self) -> list[Json]:
        return [json.loads(each.body) for each in self.received]

    def rest(self, seconds: float) -> None:
        """Let time pass, as a `sleep`."""
        if seconds >= 5:
            self.left = SOME

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        if self.reply is not None:
            return self.reply if isinstance(self.reply, HttpReply) else self.reply(received)
        try:
            status, answer = 200, self._route(received)
        except RefusedError as refused:
            inner = {"code": refused.code, "message": refused.said}
            status, answer = refused.status, {"error": {"code": "BadRequest", "message": "no", "details": [inner]}}
        quota = {"x-ms-user-quota-remaining": str(max(self.left, 0)), "x-ms-user-quota-resets-after": "00:00:05"}
        return HttpReply(status, json.dumps(answer).encode(), {"Content-Type": "application/json"} | quota)

    def _route(self, received: ReceivedRequest) -> Json:
        if received.headers.get("host") != self.host or received.path != PATH or received.method != "POST":
            raise RefusedError(404, "NotFound", f"{received.method} {received.path}")
        client = client_of(self.entra, received, self.audience)
        if self.left <= 0:
            raise RefusedError(429, "RateLimiting", "Please provide below info when asking for support")
        self.left -= 1
        if client not in self.readers:
            raise RefusedError(403, "AuthorizationFailed", f"The client '{client}' does not have authorization")
        asked = json.loads(received.body)
        options = asked.pop("options")
        scope = asked.pop("subscriptions", [SUBSCRIPTION])
        rows = [row for row in answer_to(asked.pop("query"), self.rows) if row["subscriptionId"] in scope]
        if asked or options.pop("resultFormat") != "objectArray" or not 1 <= options["$top"] <= MOST:
            raise RefusedError(400, "InvalidRequest", f"nobody asked for {asked}")
        return self._page(rows, int(options.pop("$skipToken", "0")), options["$top"])

    def _page(self, rows: list[Json], start: int, most: int) -> Json:
        data = [{name: row[name] for name in row if name != "subscriptionId"} for row in rows[start : start + most]]
        if len(json.dumps(data)) > self.most_bytes:
            raise RefusedError(400, "ResponsePayloadTooLarge", "Response payload size is larger than it may be")
        following = start + len(data)
        token = {"$skipToken": str(following)} if following < len(rows) else {}
        return {"totalRecords": len(rows), "count": len(data), "data": data, "resultTruncated": "false", **token}


# ---- the little that it knows of Kusto's query language ------------------------------------------------------------

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|=~|in~|[A-Za-z_][\w.]*|[0-9]+|[(),])')


def answer_to(query: str, rows: Iterable[Json]) -> list[Json]:
    """Return the rows that a query yields, with the subscription of each."""
    table, *steps = query.split("\n")
    if table != "securityresources" or not any(step == "| order by id asc" for step in steps):
        raise RefusedError(400, "ParserFailure", "without an order by id there is no next page")
    found = [dict(row) for row in rows]
    for step in steps:
        kind, _, rest = step.removeprefix("| ").partition(" ")
        match kind:
            case "where":
                found = [row for row in found if _KustoExpression(rest, row).value()]
            case "extend":
                name, _, value = rest.partition(" = ")
                found = [row | {name: _KustoExpression(value, row).value()} for row in found]
            case "project":
                names = [*rest.split(", "), "subscriptionId"]
                found = [{name: row[name] for name in names} for row in found]
            case "order":
                found.sort(key=lambda row: row["id"])
            case _:
                raise RefusedError(400, "ParserFailure", step)
    return found


class _KustoExpression:
    """An expression over one row. Names are case-sensitive, and dynamic values compare to nothing."""

    def __init__(self, text: str, row: Json) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", text):
            raise RefusedError(400, "ParserFailure", text)
        self._row = row

    def value(self) -> Any:
        left = self._comparison()
        while self._tokens and self._tokens[0] == "or":
            self._tokens.pop(0)
            right = self._comparison()
            left = left or right
        if self._tokens:
            raise RefusedError(400, "ParserFailure", self._tokens[0])
        return left

    def _comparison(self) -> Any:
        left = self._operand()
        if not self._tokens or self._tokens[0] not in {"=~", "contains", "in", "in~"}:
            return left
        operator, right = self._tokens.pop(0), self._operand()
        if not isinstance(left, str):
            raise RefusedError(400, "ParserFailure", f"{left!r} is no string")
        match operator:
            case "=~":
                return left.lower() == right.lower()
            case "contains":
                return right.lower() in left.lower()
            case "in":
                return left in right
            case _:
                return left.lower() in [each.lower() for each in right]

    def _operand(self) -> Any:
        token = self._tokens.pop(0)
        if token == "(":
            return self._arguments()
        if token.startswith('"'):
            return json.loads(token)
        if token.isdigit():
            return int(token)
        if self._tokens and self._tokens[0] == "(":
            self._tokens.pop(0)
            return self._call(token, self._arguments())
        value: Any = self._row
        for name in token.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return (
            value if token in {"id", "name", "type"} or isinstance(self._row.get(token), str) else _DynamicValue(value)
        )

    def _arguments(self) -> list[Any]:
        values: list[Any] = []
        while self._tokens[0] != ")":
            values.append(self._operand())
            if self._tokens[0] == ",":
                self._tokens.pop(0)
        self._tokens.pop(0)
        return values

    def _call(self, name: str, values: list[Any]) -> str:
        match name, values:
            case "tostring", [_DynamicValue(value=value)]:
                return value if isinstance(value, str) else "" if value is None else json.dumps(value)
            case "tolower", [str() as text]:
                return text.lower()
            case "strcat", texts if all(isinstance(text, str) for text in texts):
                return "".join(texts)
            case "extract", [str() as pattern, int() as group, str() as text]:
                found = re.search(pattern, text)
                return found[group] if found else ""
        raise RefusedError(400, "ParserFailure", name)


@dataclass(frozen=True, slots=True)
class _DynamicValue:
    """A value of the type `dynamic`."""

    value: Any
