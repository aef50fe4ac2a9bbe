"""The entries of `clusters` in a config."""

from __future__ import annotations

import pytest

from bot.model.errors import ConfigError
from bot.settings import load
from bot.settings.sections.clusters import ClusterAuth, ClusterEntry
from bot.wiring.config_hashes import hash_config, hash_rules


@pytest.fixture
def load_text(tmp_path):
    def read(text: str):
        path = tmp_path / "basebump.yaml"
        path.write_text(f"schema: 1\n{text}", encoding="utf-8")
        return load(path, requires_forges=False)

    return read


def test_configured_clusters_have_defaults_and_paths_relative_to_config(load_text, tmp_path):
    settings = load_text(
        "clusters:\n"
        "- {name: prod}\n"
        "- {name: aks, auth: azure, kubeconfig: aks.yaml, context: aks, exclude_namespaces: 'kube-*'}\n"
        "- {name: hub, auth: in-cluster, namespaces: [payments, shop]}\n"
        "- {name: edge, server: 'https://edge.example.com:6443/', ca: edge.pem, token_env: EDGE_TOKEN}\n"
    )
    assert settings.clusters == (
        ClusterEntry(name="prod"),
        ClusterEntry(
            name="aks",
            auth=ClusterAuth.AZURE,
            kubeconfig=tmp_path / "aks.yaml",
            context="aks",
            exclude_namespaces=("kube-*",),
        ),
        ClusterEntry(name="hub", auth=ClusterAuth.IN_CLUSTER, namespaces=("payments", "shop")),
        ClusterEntry(
            name="edge", server="https://edge.example.com:6443", ca=tmp_path / "edge.pem", token_env="EDGE_TOKEN"
        ),
    )
    assert [each.key for each in settings.list_unset_variables({})] == ["clusters[3].token_env"]


def test_configured_clusters_do_not_change_config_and_rules_hashes(load_text):
    without, with_clusters = load_text(""), load_text("clusters: [{name: prod}]")
    assert hash_rules(without) == hash_rules(with_clusters)
    assert hash_config(without) == hash_config(with_clusters)


@pytest.mark.parametrize(
    ("entries", "key", "message"),
    [
        ("{}", "clusters[0].name", "is required"),
        ("{name: a/b}", "clusters[0].name", "letters, digits"),
        ("{name: a}, {name: a}", "clusters[1].name", "already the name"),
        ("{name: a, auth: exec}", "clusters[0].auth", "kubeconfig"),
        ("{name: a, namespaces: [A_b]}", "clusters[0].namespaces[0]", "is not a namespace"),
        ("{name: a, namespaces: []}", "clusters[0].namespaces", "at least one item"),
        ("{name: a, auth: in-cluster, context: b}", "clusters[0].context", "`auth: in-cluster`"),
        ("{name: a, auth: in-cluster, server: 'https://a'}", "clusters[0].server", "`auth: in-cluster`"),
        ("{name: a, server: 'https://a'}", "clusters[0].server", "needs a login"),
        ("{name: a, server: 'http://a.example.com', token_env: T}", "clusters[0].server", "https://"),
        ("{name: a, server: 'https://a', token_env: T, kubeconfig: k}", "clusters[0].kubeconfig", "`server`"),
        ("{name: a, server: 'https://a', token_env: T, auth: azure}", "clusters[0].token_env", "`auth: azure`"),
        ("{name: a, token_env: T}", "clusters[0].token_env", "needs `server`"),
        ("{name: a, ca: c.pem}", "clusters[0].ca", "needs `server`"),
        ("{name: a, token_env: secret}", "clusters[0].token_env", "environment variable"),
    ],
)
def test_invalid_cluster_entry_is_reported_with_key(load_text, entries, key, message):
    with pytest.raises(ConfigError) as raised:
        load_text(f"clusters: [{entries}]")
    assert [each.key for each in raised.value.problems if message in each.message] == [key], raised.value.problems
