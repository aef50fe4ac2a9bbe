import json
import os
import subprocess
import sys

import pytest
from support.parts import ROOT
from support.runs.worlds import write_tree
from support.values import digest

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {image}\n"


def test_offline_scan_reports_references_as_not_checked(tmp_path, basebump):
    write_tree(tmp_path, {"Dockerfile": "FROM python:3.12\n"})
    code, out, err = basebump("scan", tmp_path, "--offline", "--format", "json")
    (reference,) = json.loads(out)["references"]
    assert (code, err) == (0, "")
    assert (reference["status"], reference["reason"]) == ("not-checked", "offline")


def test_offline_scan_shows_reasons_of_skipped_references(tmp_path, basebump):
    write_tree(tmp_path, {"Dockerfile": "FROM python\n", "pod.yaml": POD.format(image="registry.acme.dev/web:1")})
    _, out, _ = basebump("scan", tmp_path, "--offline", "--format", "json")
    assert [reference["reason"] for reference in json.loads(out)["references"]] == ["no-tag", "maybe-own"]


def test_scan_with_updates_exits_with_0(tmp_path, basebump, config, loopback):
    now = loopback.move("python", "3.12", "now")
    folder = write_tree(tmp_path / "tree", {"Dockerfile": f"FROM python:3.12@{digest('old')}\nFROM gone:1\n"})
    code, out, _ = basebump("scan", folder, "--config", config(), "--format", "json")
    assert code == 0
    assert [reference["new_digest"] for reference in json.loads(out)["references"]] == [now, None]


def test_scan_without_write_option_changes_no_files(tmp_path, basebump, config, loopback):
    loopback.move("python", "3.12", "now")
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    basebump("scan", folder, "--config", config())
    assert (folder / "Dockerfile").read_text() == "FROM python:3.12\n"


def test_scan_write_edits_each_file_only_once(tmp_path, basebump, config, loopback):
    now = loopback.move("python", "3.12", "now")
    files = {"Dockerfile": "FROM python:3.12\r\n", "pod.yaml": POD.format(image="'python:3.12' # base")}
    folder = write_tree(tmp_path / "tree", files)
    code, out, _ = basebump("scan", folder, "--config", config(), "--write")
    assert code == 0
    assert "Wrote 2 files." in out
    assert (folder / "Dockerfile").read_bytes() == f"FROM python:3.12@{now}\r\n".encode()
    assert (folder / "pod.yaml").read_text() == POD.format(image=f"'python:3.12@{now}' # base")
    _, out, _ = basebump("scan", folder, "--config", config(), "--write")
    assert "Wrote 0 files." in out


def test_scan_exits_with_1_and_lists_unreachable_registry_as_failed(tmp_path, basebump, no_pauses):
    config = tmp_path / "down.yaml"
    config.write_text('schema: 1\nregistries: [{host: docker.io, mirror: "127.0.0.1:9", insecure: true}]\nown: []\n')
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    code, out, _ = basebump("scan", folder, "--config", config, "--format", "json")
    document = json.loads(out)
    assert code == 1
    assert [reference["reason"] for reference in document["references"]] == ["unreachable"]
    assert [failed["subject"] for failed in document["failed"]] == ["docker.io"]


def test_scan_refuses_missing_folder(tmp_path, basebump):
    code, out, err = basebump("scan", tmp_path / "nowhere", "--offline")
    assert (code, out) == (2, "")
    assert "is not a folder" in err


def test_scan_refuses_combination_of_write_and_offline(tmp_path, basebump):
    code, _, err = basebump("scan", tmp_path, "--offline", "--write")
    assert code == 2
    assert "cannot be combined with --offline" in err


@pytest.mark.parametrize("arguments", [["resolve"], ["nonsense"], ["scan", ".", "--format", "xml"], ["run"]])
def test_wrong_usage_exits_with_2(basebump, arguments):
    code, out, err = basebump(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_unexpected_exception_exits_with_3_and_prints_a_bug_report(tmp_path, basebump, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("bot.cli.scan.scan_tree", broken)
    code, _, err = basebump("scan", tmp_path, "--offline")
    assert code == 3
    assert "basebump has a bug" in err
    assert "ZeroDivisionError: boom" in err


def test_interrupted_scan_exits_with_130(tmp_path, basebump, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bot.cli.scan.scan_tree", interrupted)
    code, _, err = basebump("scan", tmp_path, "--offline")
    assert (code, err.strip()) == (130, "Interrupted.")


HEAVY = {
    # what asks, and what a config needs
    *(
        "bot.pipeline.choice.decide_updates",
        "bot.pipeline.references.edit",
        "bot.model.image",
        "bot.core.choice.decide",
        "bot.core.evidence.gates",
        "bot.settings",
        "bot.registries",
    ),
    *("requests", "urllib3", "pydantic", "github", "jinja2", "ssl", "http.client", "sqlalchemy", "sqlite3"),
    # what reads
    *("yaml", "bot.formats._syntax.yaml.nodes", "bot.formats._syntax.kubernetes.objects"),
    *("bot.pipeline.references.reader_processes", "bot.pipeline.references.reader_worker", "bot.piped_child"),
    *("bot.formats._syntax.helm.templates", "bot.formats._syntax.dockerfile.reader", "bot.formats._syntax.hcl.reader"),
    *("bot.formats._syntax.jsonc", "bot.formats._syntax.units", "bot.formats._syntax.compose.services"),
    *("xml.parsers.expat", "bot.formats._syntax.xml_elements", "bot.formats._syntax.gradle_script"),
    *("bot.formats._syntax.starlark", "bot.formats._syntax.bicep_scanner", "bot.formats._syntax.azure_resources"),
    *(
        "bot.model.cross_file",
        "bot.core.references.relate.chart_templates",
        "bot.core.references.relate.kustomize",
        "bot.core.references.relate.environment",
    ),
    # what writes for people, what writes exports, and what only evidence needs
    *(
        "bot.reports.run.report_text",
        "bot.reports.run.markdown_summary",
        "bot.reports.run.report_sarif",
        "bot.reports.run.decisions",
    ),
    *(
        "bot.reports.parts.evidence_document",
        "bot.core.evidence.compare",
        "bot.core.evidence.packages",
        "bot.core.evidence.package_versions",
    ),
}
"""The modules that a scan imports only if it needs them, because the time of the start-up matters."""
YAML = {"yaml", "bot.formats._syntax.yaml.nodes"}
OBJECTS = YAML | {"bot.formats._syntax.kubernetes.objects", "bot.model.cross_file"}


@pytest.mark.parametrize(
    ("files", "needed"),
    [
        (
            {
                "README.md": "FROM python:3.12\n",
                "settings.yaml": "image: nginx:1\n",
                "a.json": "{}",
                **dict.fromkeys(("a.csproj", "pom.xml", "build.gradle", "MODULE.bazel", "a.bicep"), "# nothing\n"),
            },
            set(),
        ),
        ({"Dockerfile": "FROM python:3.12\n"}, {"bot.formats._syntax.dockerfile.reader"}),
        ({"pod.yaml": POD.format(image="python:3.12")}, OBJECTS),
        ({".drone.yml": "steps:\n- image: golang:1.22\n"}, YAML),
        (
            {"main.tf": 'resource "docker_image" "a" {\n  name = "nginx:1"\n}\n'},
            {"bot.formats._syntax.hcl.reader", "bot.formats._syntax.jsonc"},
        ),
        (
            {"a.csproj": "<Project><ContainerBaseImage>evil:1</ContainerBaseImage></Project>"},
            {"xml.parsers.expat", "bot.formats._syntax.xml_elements"},
        ),
        ({"web.container": "[Container]\nImage=docker.io/library/nginx:1\n"}, {"bot.formats._syntax.units"}),
        (
            {"kustomization.yaml": "images:\n- name: nginx\n  newTag: '1'\n"},
            OBJECTS | {"bot.core.references.relate.kustomize"},
        ),
    ],
    ids=["nothing", "dockerfile", "kubernetes", "drone", "terraform", "msbuild", "quadlet", "kustomize"],
)
def test_scan_imports_only_parsers_that_the_files_need(tmp_path, files, needed):
    write_tree(tmp_path, files)
    program = (
        "import sys\nfrom bot.cli.app import main\n"
        f"code = main(['scan', {str(tmp_path)!r}, '--offline', '--format', 'json'])\n"
        f"print(*({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()) == needed


def test_python_m_bot_starts_basebump():
    done = subprocess.run(
        [sys.executable, "-m", "bot", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("basebump, version ")


def test_scan_exits_silently_if_the_reader_of_stdout_closes_the_pipe(tmp_path):
    write_tree(tmp_path, {f"{number}/Dockerfile": "FROM python:3.12\n" for number in range(500)})
    command = f"{sys.executable} -m bot scan {tmp_path} --offline | head -1"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, shell=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("stream", "arguments", "code"),
    [
        ("stdout", ("scan", "{}", "--offline"), 0),
        ("stdout", ("config", "schema"), 0),
        ("stderr", ("check", "{}", "--offline"), 4),
        ("stderr", ("scan", "{}", "--offline", "--log", "jsonl"), 0),
        ("stderr", ("resolve",), 2),
    ],
)
def test_exit_code_does_not_change_if_stdout_or_stderr_is_closed(tmp_path, stream, arguments, code):
    write_tree(tmp_path, {"Dockerfile": "FROM python:3.12\n"})
    command = [sys.executable, "-m", "bot", *(each.format(tmp_path) for each in arguments)]
    closed = ["sh", "-c", f'exec "$@" {1 if stream == "stdout" else 2}>&-', "sh", *command]
    for started in (command, closed):
        reader, writer = os.pipe()
        os.close(reader)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writer}
        done = subprocess.run(started, cwd=ROOT, check=False, **streams)
        os.close(writer)
        assert done.returncode == code
        assert b"Traceback" not in (done.stdout or b"") + (done.stderr or b"")


def test_output_to_a_pipe_is_utf8(tmp_path):
    write_tree(tmp_path, {"Dockerfile": "FROM python:3.12\nFROM ${NOT_SET}\n"})
    command = [sys.executable, "-m", "bot", "scan", str(tmp_path), "--offline"]
    printed = [
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=True
        ).stdout.decode()
        for encoding in ("utf-8", "latin-1", "ascii:strict")
    ]
    assert "·" in printed[0]
    assert printed[1:] == printed[:1] * 2


def test_json_of_scan_keeps_bytes_of_a_path_that_is_not_utf8(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 - pathlib has no paths of bytes
    with open(folder + b"/Dockerfile", "w") as file:  # noqa: PTH123 - the same
        file.write("FROM python:3.12\n")
    command = [sys.executable, "-m", "bot", "scan", str(tmp_path), "--offline", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (reference,) = json.loads(done.stdout)["references"]
    assert os.fsencode(reference["path"]) == b"caf\xe9/Dockerfile"


def test_scan_exits_with_1_without_bug_report_if_stdout_is_a_full_device(tmp_path):
    write_tree(tmp_path, {"Dockerfile": "FROM python:3.12\n"})
    command = [sys.executable, "-m", "bot", "scan", str(tmp_path), "--offline"]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - not a file of ours
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
