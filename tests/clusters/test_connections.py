"""The ways to log in to a cluster."""

from __future__ import annotations

import base64
import copy
import json
import os
import sys
import traceback
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clusters.kubernetes_stand import TOKEN, KubernetesStand
from support.clusters.objects import list_paths, make_pod
from support.listener import HttpListener, HttpReply
from support.registries.docker_registry import SelfSignedCertificate

from bot.clusters.cluster_errors import ClusterError
from bot.clusters.connect import connect_in_cluster, connect_with_kubeconfig, connect_with_token
from bot.clusters.kubeconfig import MAX_CREDENTIAL_BYTES
from bot.clusters.object_kind import ObjectKind
from bot.model.errors import BasebumpError
from bot.model.workload import ClusterProblem


def count_pods(client):
    return len(list(client.list_objects(ObjectKind.PODS, None)))


def test_cluster_is_read_with_token_of_given_or_default_kubeconfig(tmp_path):
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        config = stand.write_kubeconfig(tmp_path / "config")
        assert count_pods(connect_with_kubeconfig(config, None, {})) == 1
        assert count_pods(connect_with_kubeconfig(config, "stand", {})) == 1
        assert count_pods(connect_with_kubeconfig(None, None, {"KUBECONFIG": f"/nowhere:{config}"})) == 1
        (tmp_path / ".kube").mkdir()
        stand.write_kubeconfig(tmp_path / ".kube" / "config")
        assert count_pods(connect_with_kubeconfig(None, None, {"HOME": str(tmp_path)})) == 1


def test_token_file_path_is_relative_to_the_kubeconfig(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        config = stand.write_kubeconfig(tmp_path / "config", {"tokenFile": "token"})
        assert count_pods(connect_with_kubeconfig(config, None, {})) == 1


@pytest.mark.parametrize("content", [f"{TOKEN}\n", f"{TOKEN}\r\n", f"\ufeff{TOKEN}\n\n"])
def test_line_breaks_and_byte_order_mark_of_token_file_are_not_sent(tmp_path, content):
    (tmp_path / "token").write_bytes(content.encode())
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        config = stand.write_kubeconfig(tmp_path / "config", {"tokenFile": "token"})
        assert count_pods(connect_with_kubeconfig(config, None, {})) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"%b\nX-Injected: 1", b"%b\xc3\xa9", b"\xff\xfe%b", b"%b\x00", b"%b\t1"]
)
def test_token_file_with_invalid_characters_is_refused_without_showing_the_token(tmp_path, content):
    (tmp_path / "token").write_bytes(content.replace(b"%b", TOKEN.encode()))
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        config = stand.write_kubeconfig(tmp_path / "config", {"tokenFile": "token"})
        with pytest.raises(ClusterError) as raised:
            count_pods(connect_with_kubeconfig(config, None, {}))
        assert stand.asked == []
    assert raised.value.problem is ClusterProblem.LOGIN_FAILED
    assert TOKEN not in "".join(traceback.format_exception(raised.value))


def test_token_variable_with_invalid_characters_is_refused_without_showing_the_token():
    with KubernetesStand() as stand, pytest.raises(ClusterError, match="credential cannot be sent") as raised:
        count_pods(connect_with_token(stand.url, None, lambda: f"{TOKEN}\n1", {}))
    assert TOKEN not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("key", ["tokenFile", "client-certificate", "client-key", "certificate-authority"])
@pytest.mark.parametrize("path", ["/proc/self/environ", "../outside", "link", "below/file"])
def test_kubeconfig_cannot_name_files_in_other_folders(tmp_path, key, path):
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    for each in (tmp_path / "outside", folder / "below" / "file"):
        each.write_text(TOKEN)
    (folder / "link").symlink_to(tmp_path / "outside")
    user, cluster = ({}, {key: path}) if key == "certificate-authority" else ({key: path}, {})
    with KubernetesStand() as stand:
        config = stand.write_kubeconfig(folder / "config", user, **cluster)
        with pytest.raises(ClusterError, match=f"names a `{key}` outside of its folder.*`credential_files`"):
            connect_with_kubeconfig(config, None, {})


def test_kubeconfig_can_name_files_listed_in_credential_files(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "folder").mkdir()
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        config = stand.write_kubeconfig(tmp_path / "folder" / "config", {"tokenFile": "../token"})
        listed = [tmp_path / "folder" / ".." / "token"]
        assert count_pods(connect_with_kubeconfig(config, None, {}, credential_files=listed)) == 1


def test_kubeconfig_can_name_files_of_a_mounted_secret(tmp_path):
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "token").write_text(TOKEN)
    (tmp_path / "token").symlink_to("..data/token")
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        stand.write_kubeconfig(tmp_path / "..data" / "config", {"tokenFile": "token"})
        (tmp_path / "config").symlink_to("..data/config")
        assert count_pods(connect_with_kubeconfig(tmp_path / "config", None, {})) == 1


def test_token_file_that_is_not_a_regular_file_or_is_too_large_is_refused(tmp_path):
    with KubernetesStand() as stand:
        config = stand.write_kubeconfig(tmp_path / "config", {"tokenFile": "token"})
        os.mkfifo(tmp_path / "token")
        with pytest.raises(ClusterError, match="not a regular file"):
            connect_with_kubeconfig(config, None, {})
        (tmp_path / "token").unlink()
        (tmp_path / "token").write_bytes(b"x" * (MAX_CREDENTIAL_BYTES + 1))
        with pytest.raises(ClusterError, match="not a regular file of at most"):
            connect_with_kubeconfig(config, None, {})
        with pytest.raises(ClusterError, match="not a regular file"):
            connect_with_kubeconfig(config, None, {}, credential_files=[tmp_path / "token"])


def test_first_of_two_kubeconfigs_with_the_same_entry_takes_precedence(tmp_path):
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        first = stand.write_kubeconfig(tmp_path / "first")
        second = tmp_path / "second"
        second.write_text(first.read_text().replace(TOKEN, "another-token"))
        assert count_pods(connect_with_kubeconfig(None, None, {"KUBECONFIG": f"{first}:{second}"})) == 1
        with pytest.raises(ClusterError, match="refused the credential"):
            count_pods(connect_with_kubeconfig(None, None, {"KUBECONFIG": f"{second}:{first}"}))


@pytest.mark.parametrize("user", ["exec", "auth-provider"])
def test_program_named_in_a_kubeconfig_is_never_started(tmp_path, user):
    witness = tmp_path / "started"
    command = {"command": sys.executable, "args": ["-c", f"open({str(witness)!r}, 'w')"], "apiVersion": "x"}
    provider = {"name": "gcp", "config": {"cmd-path": sys.executable}}
    with KubernetesStand() as stand:
        config = stand.write_kubeconfig(tmp_path / "config", {user: command if user == "exec" else provider})
        with pytest.raises(ClusterError, match=f"`{user}`.*starts no programs.*`auth: azure`") as raised:
            connect_with_kubeconfig(config, None, {})
        assert raised.value.problem is ClusterProblem.LOGIN_FAILED
        client = connect_with_kubeconfig(config, None, {}, lambda: TOKEN)  # `auth: azure` needs only the server
        assert count_pods(client) == 0
    assert not witness.exists()


def test_cluster_server_is_verified_with_certificates_of_the_kubeconfig(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path)
    data = base64.b64encode(certificate.path.read_bytes()).decode()
    with KubernetesStand(pods=[make_pod("web")], tls=certificate) as stand:
        trusting = stand.write_kubeconfig(tmp_path / "trusting", **{"certificate-authority-data": data})
        assert count_pods(connect_with_kubeconfig(trusting, None, {})) == 1
        named = stand.write_kubeconfig(tmp_path / "named", **{"certificate-authority": certificate.path.name})
        assert count_pods(connect_with_kubeconfig(named, None, {})) == 1
        strange = stand.write_kubeconfig(tmp_path / "strange")
        with pytest.raises(ClusterError, match=r"is not trusted .*; hint: set `ca`, or `certificate-authority` in the"):
            count_pods(connect_with_kubeconfig(strange, None, {}))
        assert count_pods(connect_with_token(stand.url, certificate.path, lambda: TOKEN, {})) == 1
        with pytest.raises(ClusterError, match="certificate is not trusted"):
            count_pods(connect_with_token(stand.url, None, lambda: TOKEN, {}))


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        ({"server": "http://cluster.example.com"}, "begins with https://"),
        ({"server": None}, "begins with https://"),
        ({"server": "https://cluster.example.com", "insecure-skip-tls-verify": True}, "turns off the verification"),
        ({"server": "https://cluster.example.com", "certificate-authority": "none.pem"}, "does not exist"),
        ({"server": "https://user@cluster.example.com"}, "a user or a fragment is not allowed"),
        ({"server": "http://127.0.0.1:1@cluster.example.com"}, "a user or a fragment is not allowed"),
        ({"server": "http://127.0.0.1.example.com"}, "begins with https://"),
        (
            {"server": "https://cluster.example.com", "proxy-url": "socks5://127.0.0.1:1"},
            "not the URL of an HTTP proxy",
        ),
    ],
)
def test_cluster_credential_is_not_sent_to_unverified_server(tmp_path, cluster, reason):
    with KubernetesStand() as stand:
        config = stand.write_kubeconfig(tmp_path / "config", **cluster)
    with pytest.raises(ClusterError, match=reason) as raised:
        connect_with_kubeconfig(config, None, {})
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "could not be read: No such file.*KUBECONFIG"),
        (b"a: [", "not valid YAML"),
        (b"[]", "not a kubeconfig"),
        (b"{}", "no current context"),
        (b"current-context: x", "no context with the name `x`"),
        (b"contexts: 7\nusers: [1, {name: 2}]\ncurrent-context: x", "no context with the name `x`"),
        (b" " * (4 * 1024 * 1024 + 1), "more than"),
    ],
)
def test_unusable_kubeconfig_raises_cluster_error_with_reason(tmp_path, content, reason):
    path = tmp_path / "config"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClusterError, match=reason):
        connect_with_kubeconfig(path, None, {})


def test_service_account_of_the_pod_connects_to_cluster_despite_proxy_variable(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "ca.crt").write_bytes(certificate.path.read_bytes())
    with KubernetesStand(pods=[make_pod("web")], tls=certificate) as stand:
        environment = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(stand.port),
            "HTTPS_PROXY": "http://127.0.0.1:1",
        }
        assert count_pods(connect_in_cluster(environment, tmp_path)) == 1


def test_missing_service_account_in_pod_raises_cluster_error(tmp_path):
    with pytest.raises(ClusterError, match="automountServiceAccountToken"):
        connect_in_cluster({}, tmp_path)


def test_cluster_token_is_fetched_before_each_request():
    tokens = iter([TOKEN, TOKEN, "expired"])
    with KubernetesStand(pods=[make_pod("web")]) as stand:
        client = connect_with_token(stand.url, None, lambda: next(tokens), {})
        assert count_pods(client) == 1
        with pytest.raises(ClusterError, match="refused the credential"):
            count_pods(client)


def test_failed_token_request_raises_its_error_when_connecting_to_cluster():
    def fail():
        raise BasebumpError("Entra issued no token")

    with pytest.raises(BasebumpError, match="Entra issued no token"):
        connect_with_token("https://cluster.example.com", None, fail, {})


def test_cluster_requests_respect_https_proxy_and_no_proxy_variables(tmp_path):
    environment = {"https_proxy": "http://127.0.0.1:1"}
    client = connect_with_token("https://cluster.example.com", None, lambda: TOKEN, environment)
    with pytest.raises(ClusterError, match="did not answer"):
        count_pods(client)
    certificate = SelfSignedCertificate.make(tmp_path)
    with KubernetesStand(tls=certificate) as stand:
        environment["no_proxy"] = "127.0.0.1"
        assert count_pods(connect_with_token(stand.url, certificate.path, lambda: TOKEN, environment)) == 0


def test_proxy_of_kubeconfig_has_precedence_over_environment(tmp_path):
    with (
        HttpListener(lambda _: HttpReply(502)) as proxy,
        KubernetesStand(tls=SelfSignedCertificate.make(tmp_path)) as stand,
    ):
        config = stand.write_kubeconfig(tmp_path / "config", **{"proxy-url": proxy.url})
        with pytest.raises(ClusterError, match="did not answer"):
            count_pods(connect_with_kubeconfig(config, None, {"https_proxy": "http://127.0.0.1:1"}))
        assert [each.partition(" ")[0] for each in proxy.asked] == ["CONNECT"]
        assert stand.asked == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
KUBECONFIG = {
    "current-context": "prod",
    "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "reader"}}],
    "clusters": [
        {
            "name": "prod",
            "cluster": {
                "server": "https://cluster.example.com",
                "certificate-authority-data": base64.b64encode(b"certificate").decode(),
                "tls-server-name": "cluster",
                "proxy-url": "http://proxy.example.com:8080",
                "insecure-skip-tls-verify": False,
            },
        }
    ],
    "users": [
        {
            "name": "reader",
            "user": {
                "token": TOKEN,
                "client-certificate-data": base64.b64encode(b"certificate").decode(),
                "client-key-data": base64.b64encode(b"key").decode(),
            },
        }
    ],
}
PATHS = [path for path in list_paths(KUBECONFIG) if path]


@given(st.sampled_from(PATHS), JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_unexpected_value_in_kubeconfig_raises_only_cluster_errors(tmp_path, path, value):
    document = copy.deepcopy(KUBECONFIG)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    file = tmp_path / "config"
    file.write_text(json.dumps(document), encoding="utf-8")
    with suppress(ClusterError):
        connect_with_kubeconfig(file, None, {})
