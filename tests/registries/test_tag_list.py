"""Tag lists: all pages are read, and only from the registry itself."""

import json

import pytest
import responses
from support.listener import HttpListener, HttpReply
from support.registries.docker_registry import DockerRegistry
from support.registries.tokens import TokenServer
from support.soon import soon

from bot.demo import images
from bot.demo.loopback_registry import LoopbackRegistry
from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.registries import oci, repository_endpoint, tag_list
from bot.registries.endpoints import RegistryEntry
from bot.registries.manifest import NotARegistryError
from bot.registries.oci import OciRegistry
from bot.registries.tag_list import MAX_LINK_LENGTH, parse_next_page, parse_tags

HOST = "registry.example.com"
URL = f"https://{HOST}/v2/team/base/tags/list"
LOGIN = {"username": "user", "password": "secret"}


def client(host=HOST, **entry):
    return OciRegistry(
        [RegistryEntry(host, **entry)], environment={}, sleep=lambda _: None, resolve=lambda *_: ["1.1.1.1"]
    )


def build_loopback_client(entry):
    return OciRegistry([entry], environment={}, sleep=lambda _: None)


def build_page(*tags, link=""):
    headers = {"Link": link} if link else {}
    return {"body": json.dumps({"name": "team/base", "tags": list(tags)}), "headers": headers}


@pytest.fixture
def net():
    with responses.RequestsMock() as mocked:
        yield mocked


def list_queries(net):
    return [call.request.url.partition("?")[2] for call in net.calls]


@pytest.mark.real("docker-registry")
def test_docker_registry_lists_pushed_tags_with_one_request():
    with DockerRegistry() as registry:
        image = images.build_image([images.build_layer({"a": b"b"})])
        tags = ["1.0.0", "1.0.1", "1.0.2-alpine", "latest", "x"]
        for tag in tags:
            registry.push(image, "team/base", tag)
        registry.forget()
        registries = build_loopback_client(RegistryEntry(registry.host, is_insecure=True))
        assert sorted(registries.list_tags(f"{registry.host}/team/base")) == tags
        assert [request.path for request in registry.requests()] == ["/v2/team/base/tags/list?n=1000"]


def test_tags_are_listed_from_pages_of_any_size_and_order(net):
    net.get(URL, **build_page("9", "1", link='</v2/team/base/tags/list?n=1000&last=1>; rel="next"'))
    net.get(URL, **build_page("8", "1", link="<?last=8>; rel=next"))
    net.get(URL, **build_page())
    assert client().list_tags(f"{HOST}/team/base") == ("9", "1", "8")
    assert list_queries(net) == ["n=1000", "n=1000&last=1", "last=8"]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/v2/team/base/tags/list?last=1",
        "http://registry.example.com/x?last=1",
        "//evil.example/?last=1",
    ],
)
def test_next_tag_page_linked_to_another_host_is_requested_from_registry(net, target):
    net.get(URL, **build_page("1", link=f'<{target}>; rel="next"'))
    net.get(URL, **build_page("2"))
    assert client(**LOGIN).list_tags(f"{HOST}/team/base") == ("1", "2")
    assert {call.request.url.partition("?")[0] for call in net.calls} == {URL}


def test_repeated_page_of_tag_list_is_reported_as_error(net):
    net.get(URL, **build_page("1", link='<?last=1>; rel="next"'))
    with pytest.raises(RegistryError) as raised:
        client().list_tags(f"{HOST}/team/base")
    assert raised.value.reason is Reason.REGISTRY_ERROR
    assert list_queries(net) == ["n=1000", "last=1"]


@pytest.mark.parametrize(("limit", "most"), [("MAX_PAGES", 3), ("MAX_TAGS", 2)])
def test_tag_list_with_too_many_pages_or_tags_is_refused(net, monkeypatch, limit, most):
    monkeypatch.setattr(oci, limit, most)
    for number in range(9):
        net.get(URL, **build_page(str(number), link=f'<?last={number}>; rel="next"'))
    net.assert_all_requests_are_fired = False
    with pytest.raises(RegistryError):
        client().list_tags(f"{HOST}/team/base")
    assert len(net.calls) == most


def test_tag_list_page_above_size_limit_is_refused(monkeypatch):
    monkeypatch.setattr(repository_endpoint, "MAX_TAG_PAGE_SIZE", 100)
    with HttpListener(lambda received: HttpReply(200, build_page("1" * 100)["body"].encode())) as server:
        registries = build_loopback_client(RegistryEntry(server.host, is_insecure=True))
        with pytest.raises(RegistryError, match="more than 100 bytes"):
            registries.list_tags(f"{server.host}/team/base")


def test_tag_list_of_missing_repository_is_reported_as_not_found(net):
    net.get(URL, status=404, body=json.dumps({"errors": [{"code": "NAME_UNKNOWN"}]}))
    with pytest.raises(RegistryError) as raised:
        client().list_tags(f"{HOST}/team/base")
    assert (raised.value.reason, raised.value.is_failure) == (Reason.NOT_FOUND_OR_DENIED, False)


def test_html_page_in_place_of_tag_list_is_reported_as_error(net):
    net.get(URL, body="<html>")
    with pytest.raises(RegistryError) as raised:
        client().list_tags(f"{HOST}/team/base")
    assert raised.value.reason is Reason.REGISTRY_ERROR


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ({"tags": ["1", "1.2"]}, ("1", "1.2")),
        ({"tags": None}, ()),
        ({"tags": []}, ()),
        ({"tags": ["ok", "", "-no", "a b", "x" * 129, 7, None, {}]}, ("ok",)),
    ],
)
def test_invalid_tags_in_tag_list_are_skipped(body, tags):
    assert parse_tags(json.dumps(body).encode()) == tags


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"tags": {}}', b'{"tags": "1"}', b"[" * 100_000])
def test_malformed_tag_list_is_refused(body):
    with pytest.raises(NotARegistryError):
        parse_tags(body)


def test_tag_list_page_with_too_many_tags_is_not_parsed(monkeypatch):
    monkeypatch.setattr(tag_list, "MAX_TAGS", 3)
    parse_tags(json.dumps({"tags": ["a", "b", "c"]}).encode())
    monkeypatch.setattr(tag_list.json, "loads", None)
    with pytest.raises(NotARegistryError, match="more than 3"):
        parse_tags(json.dumps({"tags": ["a", "b", "c", "d", "e"]}).encode())


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ('</v2/x/tags/list?last=a&n=2>; rel="next"', "last=a&n=2"),
        ("</v2/x?last=a>;rel=next", "last=a"),
        ('</v2/x?last=a>; title="x"; rel="next"', "last=a"),
        ("</v2/x?last=a> ; title=t; REL = Next", "last=a"),
        ('</v2/x?last=p>; rel="prev", </v2/x?last=a>; rel="next"', "last=a"),
        ('</v2/x?last=a,b;c>; rel="first next"', "last=a,b;c"),
        ('<https://other.example/v2/x?last=a#b>; rel="next"', "last=a"),
        ('</v2/x?last=a>; rel="prev"', None),
        ('</v2/x?last=a>; rel="nextish"', None),
        ("</v2/x?last=a>", None),
        ("", None),
        ("?last=a", None),
        ("<" * 5000, None),
    ],
)
def test_next_tag_page_is_requested_with_query_of_link_header(link, query):
    assert parse_next_page(link) == query


@pytest.mark.parametrize(
    "link",
    [
        '</v2/x>; rel="next"',
        '</v2/x?>; rel="next"',
        '</v2/x?last=a b>; rel="next"',
        '</v2/x?last=é>; rel="next"',
        f'</v2/x?last={"a" * 2048}>; rel="next"',
        " " * MAX_LINK_LENGTH + "</v2/x?last=a>; rel=next",
    ],
)
def test_tag_list_with_invalid_link_header_is_refused(link):
    with pytest.raises(NotARegistryError):
        parse_next_page(link)


def test_incomplete_tag_list_is_reported_as_failure(net):
    net.get(URL, **build_page("1", link="</v2/x>; rel=next"))
    with pytest.raises(RegistryError, match="a complete list") as raised:
        client().list_tags(f"{HOST}/team/base")
    assert (raised.value.reason, raised.value.is_failure) == (Reason.REGISTRY_ERROR, True)


@pytest.mark.parametrize("link", ["<", "<>;", "<a>; ", "<a>;; ", "<a>;rel", '<a>; rel="', "; rel = ", "<a>" + " " * 50])
def test_hostile_link_header_is_parsed_fast(link):
    with soon(0.2):
        parse_next_page((link * MAX_LINK_LENGTH)[:MAX_LINK_LENGTH])


@pytest.mark.parametrize("status", [405, 501])
def test_registry_without_tag_list_is_reported_but_not_as_failure(net, status):
    net.get(URL, status=status)
    with pytest.raises(RegistryError, match="list tags") as raised:
        client().list_tags(f"{HOST}/team/base")
    assert (raised.value.reason, raised.value.is_failure) == (Reason.REGISTRY_ERROR, False)


@pytest.mark.parametrize(
    ("status", "reason"), [(401, Reason.NOT_FOUND_OR_DENIED), (429, Reason.RATE_LIMITED), (503, Reason.REGISTRY_ERROR)]
)
def test_tag_list_is_refused_if_a_later_page_fails(net, status, reason):
    net.get(URL, **build_page("1", link="<?last=1>; rel=next"))
    net.get(URL, status=status)
    with pytest.raises(RegistryError) as raised:
        client().list_tags(f"{HOST}/team/base")
    assert raised.value.reason is reason


def test_error_about_later_tag_page_does_not_quote_the_query(net):
    net.get(URL, **build_page("1", link='</?last=1&signature=aBcD1234>; rel="next"'))
    net.get(URL, status=404)
    with pytest.raises(RegistryError, match="tags/list: ") as caught:
        client().list_tags(f"{HOST}/team/base")
    assert "aBcD1234" not in str(caught.value)


def test_all_pages_of_tag_list_are_requested_with_mirror_prefix():
    with responses.RequestsMock() as net:
        mirrored = "https://mirror.example.com/v2/hub/library/nginx/tags/list"
        net.get(mirrored, **build_page("1", link="</v2/library/nginx/tags/list?last=1>; rel=next"))
        net.get(mirrored, **build_page("2"))
        assert client("docker.io", mirror="mirror.example.com/hub").list_tags("docker.io/library/nginx") == ("1", "2")


def test_docker_hub_tags_are_listed_by_registry_api(net):
    net.get("https://registry-1.docker.io/v2/library/nginx/tags/list", **build_page("1.27"))
    assert OciRegistry(environment={}).list_tags("docker.io/library/nginx") == ("1.27",)


def test_registry_outside_config_gets_no_tag_list_request():
    with pytest.raises(RegistryError, match="`registries:`"):
        OciRegistry(environment={}).list_tags(f"{HOST}/team/base")


def test_loopback_registry_of_the_demo_lists_tags():
    store = images.ImageStore()
    for tag in ("12", "12-slim"):
        store.set_tag("library/debian", tag, images.build_image([images.build_layer({})]))
    with LoopbackRegistry(store) as registry:
        registries = build_loopback_client(RegistryEntry("docker.io", mirror=registry.host, is_insecure=True))
        assert sorted(registries.list_tags("docker.io/library/debian")) == ["12", "12-slim"]


@pytest.mark.real("docker-registry")
def test_tag_list_is_requested_with_pull_scope_only(tmp_path):
    with (
        TokenServer(tmp_path, {"user": "right"}) as tokens,
        DockerRegistry(token=tokens.block, folder=tmp_path) as registry,
    ):
        registry.push(images.build_image([images.build_layer({})]), "a/b", "1", authorization=tokens.bearer("a/b"))
        login = {"username": "user", "password": "right", "trusted_realms": (tokens.host,)}
        registries = build_loopback_client(RegistryEntry(registry.host, is_insecure=True, **login))
        assert registries.list_tags(f"{registry.host}/a/b") == registries.list_tags(f"{registry.host}/a/b") == ("1",)
        assert tokens.scopes == ["repository:a/b:pull"]
