"""The files that examples of configs name: keys, certificates, roots, templates, lists."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from support.parts import ROOT
from support.signing.attached import trusted

(ENDS,) = re.findall(
    r"^```yaml\n(schema: 1\nimages:\n.*?)^```$",
    (ROOT / "docs" / "updates.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)

BLOCKED = f"schema: 1\nblocked: [{{digest: sha256:{'0' * 64}, reason: malware}}]\n"


def write_named_files(folder: Path) -> None:
    """Write all of them into a folder."""
    (folder / "keys").mkdir()
    made = json.loads((ROOT / "tests" / "contracts" / "notation.json").read_text(encoding="utf-8"))
    (folder / "keys" / "acme-root.pem").write_text(made[0]["root"], encoding="utf-8")
    (folder / "keys" / "sigstore.json").write_text("{}", encoding="utf-8")
    for each in ("acme.pub", "acme-next.pub"):
        (folder / "keys" / each).write_bytes(trusted(ec.generate_private_key(ec.SECP256R1())).pem)
    for kind in ("title.txt", "body.md", "message.txt", "dashboard.md"):
        (folder / f"{kind}.j2").write_text("words", encoding="utf-8")
    (folder / "end-of-life.yaml").write_text(ENDS, encoding="utf-8")
    (folder / "blocked.yaml").write_text(BLOCKED, encoding="utf-8")
