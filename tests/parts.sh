#!/bin/sh
# Unpack the real parts that tests use into the folder $1. Nothing is installed, so no service starts and listens.
# A part that cannot be had is said; its tests are then skipped by name.
set -eu
folder=$1
mkdir -p "$folder"
cd "$folder"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Unpack the package $1, whose command has the same name.
unpack() {
    if command -v "$1" >/dev/null; then
        echo "$1 is on this machine"
    else
        unpack_always "$1"
    fi
}

# The same, whatever is on this machine: for a part of which tests need Debian's own release.
unpack_always() {
    if ! command -v apt-get >/dev/null; then
        echo "$1: there is no apt-get to have it from" >&2
        return
    fi
    if ! apt-get download "$1" >/dev/null 2>&1; then
        as_root apt-get update >/dev/null || echo "apt-get update: needs root or sudo" >&2
        apt-get download "$1" >/dev/null || {
            echo "$1: apt-get could not download it" >&2
            return
        }
    fi
    dpkg-deb --extract "$1"_*.deb .
    echo "$1 is unpacked"
}

# Unpack the server of PostgreSQL, whose package has a number in its name, with the libraries that are not here.
unpack_postgresql() {
    if command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
        echo "postgresql is on this machine"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "postgresql: not on this machine, and there is no apt-get to have it from" >&2
        return
    fi
    mkdir -p postgresql/archives/partial
    if ! download_postgresql; then
        as_root apt-get update >/dev/null || echo "apt-get update: needs root or sudo" >&2
        download_postgresql || {
            echo "postgresql: apt-get could not download it" >&2
            return
        }
    fi
    for package in postgresql/archives/*.deb; do
        dpkg-deb --extract "$package" postgresql
    done
    as_root rm -rf postgresql/archives
    echo "postgresql is unpacked"
}

# Unpack buildah, which builds the image of the bot, with netavark, without which it does not start. It starts itself
# again out of memory and with a bare environment, so where its libraries are is written into it.
unpack_buildah() {
    if command -v buildah >/dev/null; then
        echo "buildah is on this machine"
        return
    fi
    test -x buildah/usr/bin/buildah && return
    if ! command -v apt-get >/dev/null; then
        echo "buildah: not on this machine, and there is no apt-get to have it from" >&2
        return
    fi
    mkdir -p buildah/debs
    # shellcheck disable=SC2086
    if ! (cd buildah/debs && apt-get download $BUILDAH >/dev/null 2>&1); then
        as_root apt-get update >/dev/null || echo "apt-get update: needs root or sudo" >&2
        (cd buildah/debs && apt-get download $BUILDAH >/dev/null 2>&1) || {
            echo "buildah: apt-get could not download it" >&2
            rm -rf buildah
            return
        }
    fi
    for package in buildah/debs/*.deb; do
        dpkg-deb --extract "$package" buildah
    done
    rm -rf buildah/debs
    libraries=$(echo "$PWD"/buildah/usr/lib/*-linux-gnu*)
    buildah/usr/bin/patchelf --force-rpath --set-rpath "$libraries" buildah/usr/bin/buildah
    echo "buildah is unpacked"
}

BUILDAH="buildah netavark golang-github-containers-common golang-github-containers-image libsubid5 libgpgme11t64 \
    libassuan9 libgpg-error0 libseccomp2 libsqlite3-0 patchelf"

download_postgresql() {
    server=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p')
    test -n "$server" && as_root apt-get install --download-only --yes --no-install-recommends \
        -o Dir::Cache::archives="$PWD/postgresql/archives" "$server" >/dev/null
}

# Make two real roots of one Debian release: as it was published, and with its updates. What is in them is never typed in:
# tests ask their lists of packages.
debian_pair() {
    test -f debian/newer.tar && test -f debian/older.tar && return
    unpack mmdebstrap
    command -v mmdebstrap >/dev/null || test -f usr/bin/mmdebstrap || return 0
    mkdir -p debian
    root_of newer &
    root_of older '--setup-hook=sed -i "/bookworm-/d" "$1/etc/apt/sources.list"'
    wait
    ls debian
}

# Make debian/$1.tar with the further options of mmdebstrap, as root or in a namespace of our own.
root_of() {
    name=$1
    shift
    PATH="$PWD/usr/bin:$PATH" mmdebstrap --quiet --format=tar --variant=minbase --include=openssl,ca-certificates \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/zoneinfo/*' \
        "$@" bookworm "debian/$name.part" 2>"debian/$name.log" || {
        echo "debian/$name: mmdebstrap could not make it: $(tail -n 1 "debian/$name.log")" >&2
        return 0
    }
    mv "debian/$name.part" "debian/$name.tar"
}

unpack cosign
unpack docker-registry
unpack_always gh
unpack glab
unpack kustomize
unpack docker-compose
unpack_postgresql
unpack_buildah
debian_pair
