"""Lists of tags: every page, whatever registries do with them, and nothing asked of anybody else."""

import json

import pytest
import responses
from support.registry import DockerRegistry

from bot.demo import images
from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.registries import oci
from bot.registries.access import RegistryEntry
from bot.registries.manifest import NotARegistryError
from bot.registries.oci import OciRegistry
from bot.registries.taglist import next_page, parse_tags

HOST = "registry.example.com"
URL = f"https://{HOST}/v2/team/base/tags/list"
LOGIN = {"username": "user", "password": "secret"}


def client(host=HOST, **entry):
    return OciRegistry(
        [RegistryEntry(host, **entry)], environment={}, sleep=lambda _: None, resolve=lambda *_: ["1.1.1.1"]
    )


def page(*tags, link=""):
    headers = {"Link": link} if link else {}
    return {"body": json.dumps({"name": "team/base", "tags": list(tags)}), "headers": headers}


@pytest.fixture
def net():
    with responses.RequestsMock() as mocked:
        yield mocked


def asked(net):
    return [call.request.url.partition("?")[2] for call in net.calls]


def test_a_real_registry_lists_what_was_pushed():
    with DockerRegistry() as registry:
        image = images.image([images.layer({"a": b"b"})])
        tags = ["1.0.0", "1.0.1", "1.0.2-alpine", "latest", "x"]
        for tag in tags:
            registry.push(image, "team/base", tag)
        registry.forget()
        registries = OciRegistry([RegistryEntry(registry.host, insecure=True)], environment={})
        assert sorted(registries.tags(f"{registry.host}/team/base")) == tags
        assert [request.path for request in registry.requests()] == ["/v2/team/base/tags/list?n=1000"]


def test_every_page_is_read_whatever_its_size_and_order(net):
    net.get(URL, **page("9", "1", link='</v2/team/base/tags/list?n=1000&last=1>; rel="next"'))
    net.get(URL, **page("8", "1", link="<?last=8>; rel=next"))
    net.get(URL, **page())
    assert client().tags(f"{HOST}/team/base") == ("9", "1", "8")
    assert asked(net) == ["n=1000", "n=1000&last=1", "last=8"]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/v2/team/base/tags/list?last=1",
        "http://registry.example.com/x?last=1",
        "//evil.example/?last=1",
    ],
)
def test_a_next_page_elsewhere_is_asked_for_here_so_nobody_else_sees_a_credential(net, target):
    net.get(URL, **page("1", link=f'<{target}>; rel="next"'))
    net.get(URL, **page("2"))
    assert client(**LOGIN).tags(f"{HOST}/team/base") == ("1", "2")
    assert {call.request.url.partition("?")[0] for call in net.calls} == {URL}


def test_pages_that_go_round_in_circles_end(net):
    net.get(URL, **page("1", link='<?last=1>; rel="next"'))
    with pytest.raises(RegistryError) as raised:
        client().tags(f"{HOST}/team/base")
    assert raised.value.reason is Reason.REGISTRY_ERROR
    assert asked(net) == ["n=1000", "last=1"]


@pytest.mark.parametrize(("limit", "most"), [("MAX_PAGES", 3), ("MAX_TAGS", 2)])
def test_pages_without_end_are_not_all_read(net, monkeypatch, limit, most):
    monkeypatch.setattr(oci, limit, most)
    for number in range(9):
        net.get(URL, **page(str(number), link=f'<?last={number}>; rel="next"'))
    net.assert_all_requests_are_fired = False
    with pytest.raises(RegistryError):
        client().tags(f"{HOST}/team/base")
    assert len(net.calls) == most


def test_a_repository_that_is_not_there_is_a_finding(net):
    net.get(URL, status=404, body=json.dumps({"errors": [{"code": "NAME_UNKNOWN"}]}))
    with pytest.raises(RegistryError) as raised:
        client().tags(f"{HOST}/team/base")
    assert (raised.value.reason, raised.value.is_failure) == (Reason.NOT_FOUND_OR_DENIED, False)


def test_a_page_for_browsers_is_no_list(net):
    net.get(URL, body="<html>")
    with pytest.raises(RegistryError) as raised:
        client().tags(f"{HOST}/team/base")
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
def test_what_cannot_be_a_tag_is_left_out(body, tags):
    assert parse_tags(json.dumps(body).encode()) == tags


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"tags": {}}', b'{"tags": "1"}', b"[" * 100_000])
def test_what_is_no_list_is_said(body):
    with pytest.raises(NotARegistryError):
        parse_tags(body)


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ('</v2/x/tags/list?last=a&n=2>; rel="next"', "last=a&n=2"),
        ("</v2/x?last=a>;rel=next", "last=a"),
        ('</v2/x?last=a>; title="x"; rel="next"', "last=a"),
        ('<https://other.example/v2/x?last=a#b>; rel="next"', None),
        ('</v2/x>; rel="next"', None),
        ('</v2/x?last=a>; rel="prev"', None),
        ('</v2/x?last=a b>; rel="next"', None),
        ("", None),
        ("?last=a", None),
        ("<" * 5000, None),
    ],
)
def test_of_a_link_only_the_query_counts(link, query):
    assert next_page(link) == query
