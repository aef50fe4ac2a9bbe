"""Every file in `config/examples` passes its check, and a run by it does what its comments say.

A run has what the file says, but for where things are (forges, registries and reports on loopback) and the pace.
"""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
import yaml
from support.forges.azure.stand import BOT, AzureStand
from support.forges.github.stand import GitHubStand
from support.git import DiskRepository
from support.parts import ROOT
from support.runs.worlds import LoopbackHub, build, write_tree
from support.scanners.grype import render_manifest_report

from bot.cli.app import main
from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry

pytestmark = pytest.mark.real("git")

EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))
OLD, NEW = build("old"), build("new")


@pytest.fixture
def basebump(capsys):
    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_config_check_accepts_every_example_config(path, basebump):
    code, out, err = basebump("config", "check", path)
    assert code == 0, err
    assert f"{path.name} is valid: 1 forge," in out


class ExampleEnvironment:
    """A registry that plays every registry of a config, a GitHub, and the folder that the config lies in."""

    def __init__(self, folder, registry, basebump, ends):
        self.folder, self.registry, self.basebump, self.ends = folder, registry, basebump, ends

    def tag(self, *images):
        """Point tags of `path:tag` to an old and then to a new image; return references that pin the old one."""
        for image in images:
            name, _, tag = image.rpartition(":")
            for each in (OLD, NEW):
                self.registry.store.set_tag(name, tag, each)

    def github(self, files, *, enterprise=False):
        stand = GitHubStand(self.folder / "github", {"README": "x"}, enterprise=enterprise)
        self.ends.callback(stand.end)
        for name, content in files.items():
            if name == stand.name:
                stand.commit("main", content)
            else:
                stand.server.world.add_repository(name, content)
        return stand

    def azure(self, files):
        stand = AzureStand(self.folder / "azure", None)
        self.ends.callback(stand.end)
        stand.server.world.add_token("ghp_of-the-bot", BOT)
        for name, content in files.items():
            stand.server.world.add_repository(name, content, private=True, members={BOT})
        return stand

    def run(self, example, *, api=None):
        """Run by an example and return its document; scanners find reports alone, of the old and the new image."""
        config = yaml.safe_load((ROOT / "config" / "examples" / f"{example}.yaml").read_text(encoding="utf-8"))
        for forge in config["forges"]:
            if api is not None:
                forge.update(url=api, token_env="ACME_TOKEN")
                for key in ("ca", "auth"):
                    forge.pop(key, None)
        here = {"mirror": self.registry.registry.host, "insecure": True, "auth": "anonymous"}
        hosts = {entry["host"] for entry in config.get("registries", [])} | {"docker.io"}
        config["registries"] = [{"host": host, **here} for host in sorted(hosts)]
        if any(each["kind"] != "none" for each in config.get("scanners", [])):
            config["scanners"] = [{"kind": "report", "path": "reports"}]
        config.setdefault("proposals", {})["write_delay"] = "0s"
        write_tree(self.folder, {"basebump.yaml": yaml.safe_dump(config, sort_keys=False)})
        config_file = self.folder / "basebump.yaml"
        code, out, err = self.basebump("run", "--config", config_file, "--level", "propose", "--format", "json")
        assert code == 0, err + out
        return {each["name"]: each for each in json.loads(out)["repositories"]}


@pytest.fixture
def example_environment(tmp_path, basebump, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", "ghp_of-the-bot")
    for content, image, cves in (("old", OLD, {"CVE-2026-0001": "High"}), ("new", NEW, {})):
        write_tree(tmp_path, {f"reports/{content}.json": render_manifest_report(image.children[0].digest, cves)})
    store = ImageStore()
    with LoopbackRegistry(store) as registry, ExitStack() as ends:
        yield ExampleEnvironment(tmp_path, LoopbackHub(registry, store), basebump, ends)


def list_states(repository):
    """Return status and reason by image."""
    return {each["canonical"]: (each["status"], each["reason"]) for each in repository["references"]}


def write_pinned_dockerfile(*images):
    return "".join(f"FROM {image}@{OLD.digest}\n" for image in images)


def write_pod(image):
    return f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {{name: x, image: '{image}@{OLD.digest}'}}\n"


def test_local_folder_example_updates_a_local_repository(example_environment):
    example_environment.tag("tools/builder:1")
    DiskRepository.create(
        example_environment.folder / "repositories" / "web.git",
        {"Dockerfile": write_pinned_dockerfile("localhost:5000/tools/builder:1")},
    )
    (web,) = example_environment.run("local-folder").values()
    assert list_states(web) == {"localhost:5000/tools/builder": ("update", None)}
    assert [each["outcome"] for each in web["proposals"]] == ["opened"]


def test_github_owner_example_selects_the_repositories_of_an_owner(example_environment):
    example_environment.tag("library/python:3.12", "library/postgres:17")
    files = {
        "Dockerfile": write_pinned_dockerfile("python:3.12", "postgres:17"),
        "examples/Dockerfile": write_pinned_dockerfile("python:3.12"),
    }
    github = example_environment.github({"acme/web": files, "acme/old-archive": files, "acme/fork-web": files})
    (web,) = example_environment.run("github-owner", api=github.server.url).values()
    assert web["name"] == "acme/web"
    found = [(each["path"], each["canonical"], each["status"], each["reason"]) for each in web["references"]]
    assert found == [
        ("Dockerfile", "docker.io/library/python", "update", None),
        ("Dockerfile", "docker.io/library/postgres", "skipped", "ignored"),
        ("examples/Dockerfile", "docker.io/library/python", "skipped", "ignored"),
    ]
    (pull,) = github.repository.pulls
    assert sorted(pull.labels) == ["dependencies", "docker"]


def test_platform_team_example_updates_own_base_images_but_no_own_applications(example_environment):
    ours = "registry.example.com/platform"
    example_environment.tag("platform/base/python:3", "platform/api:1", "platform/agent:1", "library/ubuntu:24.04")
    files = {
        "Dockerfile": f"FROM ubuntu\n{write_pinned_dockerfile(f'{ours}/base/python:3')}",
        "pod.yaml": write_pod(f"{ours}/api:1"),
        "agent.yaml": write_pod(f"{ours}/agent:1"),
    }
    names = ("platform/images", "shop/cart", "shop/old", "legal/website")
    github = example_environment.github(dict.fromkeys(names, files), enterprise=True)
    github.server.world.repository("shop/cart").topics = ("production",)
    found = example_environment.run("platform-team", api=github.server.url)
    assert sorted(found) == ["legal/website", "platform/images", "shop/cart"]
    moves = ("update", None)
    for name, repository in found.items():
        ubuntu = moves if name == "platform/images" else ("skipped", "no-tag")
        ours_move = {f"{ours}/base/python": moves, f"{ours}/agent": moves, f"{ours}/api": ("skipped", "own")}
        assert list_states(repository) == {"docker.io/library/ubuntu": ubuntu} | ours_move, name
    assert all(each["branch"].startswith("bots/basebump/") for each in found["shop/cart"]["proposals"])
    for each in (example_environment.folder / "reports").iterdir():
        each.unlink()
    cart = example_environment.run("platform-team", api=github.server.url)["shop/cart"]
    assert list_states(cart)[f"{ours}/base/python"] == ("refused", "not-scanned")


def test_azure_example_updates_base_images_in_azure_repos_but_not_own_images(example_environment):
    example_environment.tag("base/python:3", "apps/web:1", "base/new:1")
    (example_environment.folder / "reports" / "new.json").unlink()
    files = {
        "Dockerfile": write_pinned_dockerfile("contoso.azurecr.io/base/python:3"),
        "pod.yaml": write_pod("contoso.azurecr.io/apps/web:1"),
    }
    azure = example_environment.azure(
        {"Shop/web": files, "Shop/web-archive": files, "Platform/ingress": {"README": "x"}}
    )
    by_name = example_environment.run("azure", api=azure.server.url)
    assert by_name.keys() == {"Shop/web", "Platform/ingress"}
    web = by_name["Shop/web"]
    assert list_states(web) == {
        "contoso.azurecr.io/base/python": ("update", None),
        "contoso.azurecr.io/apps/web": ("skipped", "own"),
    }
    (proposal,) = web["proposals"]
    assert proposal["outcome"] == "deferred", "the scanner does not know the new image yet"


def test_every_example_config_is_run_by_a_test():
    played = {"local-folder", "github-owner", "platform-team", "azure"}
    assert {path.stem for path in EXAMPLES} == played
