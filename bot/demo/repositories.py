"""The git repositories of the demo, and its config."""

from __future__ import annotations

from pathlib import Path

from bot import process
from bot.demo.demo_images import DATABASE, DemoImages, RebuiltTag
from bot.model.errors import ProcessError

CONFIG = """\
# basebump.yaml: the config of the demo.
schema: 1
forges:
  - {{kind: local, url: repositories}}
registries:
  # Docker Hub is replaced by a mirror: the demo's own registry on this machine.
  - {{host: docker.io, mirror: "{host}", insecure: true}}
own: ["registry.shop.example/**"]
scanners:
  - {{kind: auto, database: "{host}/{database}", osv: none}}
"""

_WEB_DOCKERFILE = """\
# The shop's web front end.
FROM node:22-alpine@{node} AS build
WORKDIR /src
COPY . .
RUN npm ci && npm run build

FROM nginx:1.27@{nginx}
COPY --from=build /src/dist /usr/share/nginx/html
"""

_API_DOCKERFILE = """\
# The shop's API.
FROM --platform=linux/amd64 python:3.12-slim@{python} AS wheels
RUN pip wheel --wheel-dir /wheels .

FROM python:3.12-slim@{python}
COPY --from=wheels /wheels /wheels
RUN pip install /wheels/*
"""

_API_MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: api}}
spec:
  selector: {{matchLabels: {{app: api}}}}
  template:
    metadata: {{labels: {{app: api}}}}
    spec:
      containers:
        - name: api
          image: registry.shop.example/api:1.4   # our own build, which basebump leaves unchanged
        - {{name: cache, image: "redis:7@{redis}"}}
"""

_PLATFORM_MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {{name: edge}}
spec: {{selector: {{app: edge}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: edge}}
spec:
  selector: {{matchLabels: {{app: edge}}}}
  template:
    metadata: {{labels: {{app: edge}}}}
    spec:
      initContainers:
        - name: wait
          image: redis:7   # not pinned yet
      containers:
        - name: nginx
          image: 'nginx:1.27@{nginx}'
        - {{name: proxy, image: "haproxy:3.0@{haproxy}"}}
"""

_FILES = {
    "web": {"Dockerfile": _WEB_DOCKERFILE},
    "api": {"Dockerfile": _API_DOCKERFILE, "deploy/api.yaml": _API_MANIFEST},
    "platform": {"edge/daemonset.yaml": _PLATFORM_MANIFEST},
}
REPOSITORIES = tuple(_FILES)

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A person",
    "GIT_AUTHOR_EMAIL": "person@shop.example",
    "GIT_COMMITTER_NAME": "A person",
    "GIT_COMMITTER_EMAIL": "person@shop.example",
}


def run_git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and return its output. Raises ProcessError if git fails."""
    result = process.run(["git", *arguments], cwd=folder, environment=_ENVIRONMENT)
    if result.status:
        raise ProcessError(f"git {arguments[0]} failed: {result.error_text}")
    return result.output.decode()


def write_config(folder: Path, host: str) -> Path:
    """Write the config for a registry at `host`, and return the path of the file."""
    path = folder / "basebump.yaml"
    path.write_text(CONFIG.format(host=host, database=":".join(DATABASE)), encoding="utf-8")
    return path


def make_repositories(folder: Path, library: DemoImages) -> None:
    """Create the git repositories in `folder`. Their files pin last month's images."""
    images: tuple[RebuiltTag, ...] = (library.python, library.node, library.nginx, library.redis, library.haproxy)
    digests = {image.repository.rpartition("/")[2]: image.last_month for image in images}
    for name, files in _FILES.items():
        repository = folder / "repositories" / name
        repository.mkdir(parents=True)
        run_git(repository, "init", "--quiet", "--initial-branch", "main")
        for path, content in files.items():
            target = repository / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content.format(**digests), encoding="utf-8")
        run_git(repository, "add", "--all")
        run_git(repository, "commit", "--quiet", "--message", f"The {name} repository, as it was last month")
