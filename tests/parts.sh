#!/bin/sh
# Fetch the real programs that tests use (cosign, a registry, PostgreSQL, ...) from Debian into the folder $1, and GitHub's
# style sheet from npm.
#
# Most packages are only unpacked, not installed, so that no service starts and listens. Two do not work that way: Chromium
# needs many other packages, and systemd-analyze reads the units in /usr. They are installed, but only if this script runs
# as root, as in a container or on a CI machine.
#
# Every program is optional: if one cannot be fetched, this script says so, and the tests that need it are skipped.
# (With CI=true, a missing program is a failure; only Chromium and the style sheet may be missing.)
set -eu
folder=$1
mkdir -p "$folder"
cd "$folder"

# Download as root. As the user _apt, apt could not write to this folder, and would print a warning about the sandbox.
APT="apt-get -o APT::Sandbox::User=root"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Print that the program $1 is missing and why, $2.
missing() {
    echo "$1 (optional): $2; tests that need it are skipped" >&2
}

update_lists() {
    as_root $APT update >/dev/null || echo "apt-get update failed; it needs root, or sudo without a password" >&2
}

# Download the packages $@ into the current folder; refresh the package lists if they are missing or out of date.
download() {
    if ! $APT download "$@" >/dev/null 2>&1; then
        update_lists
        $APT download "$@" >/dev/null
    fi
}

# Unpack the package $1 unless its command, which has the same name, is already installed.
unpack() {
    if command -v "$1" >/dev/null; then
        echo "$1 is already installed"
    else
        unpack_always "$1"
    fi
}

# Unpack the package $1 even if its command is installed: some tests need the version that Debian has.
unpack_always() {
    if ! command -v apt-get >/dev/null; then
        missing "$1" "this machine has no apt-get"
        return
    fi
    download "$1" || {
        missing "$1" "apt-get could not download it"
        return
    }
    dpkg-deb --extract "$1"_*.deb .
    echo "$1 is unpacked"
}

# Install the package $2 unless its command $1 is already installed. Used for what does not work when only unpacked.
install() {
    if command -v "$1" >/dev/null; then
        echo "$1 is already installed"
    elif ! command -v apt-get >/dev/null; then
        missing "$1" "this machine has no apt-get"
    elif [ "$(id -u)" != 0 ]; then
        missing "$1" "not installed; to add it, run: sudo apt-get install --no-install-recommends $2"
    else
        install_as_root "$2" || {
            update_lists
            install_as_root "$2"
        } || {
            missing "$1" "apt-get could not install the package $2: $(tail -n 1 install.log)"
            return 0
        }
        echo "$1 is installed"
    fi
}

install_as_root() {
    DEBIAN_FRONTEND=noninteractive $APT install --yes --quiet=2 --no-install-recommends "$1" >install.log 2>&1
}

# Unpack the PostgreSQL server, whose package name contains its version, and those of its libraries that are missing here.
unpack_postgresql() {
    if command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
        echo "postgresql is already installed"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        missing postgresql "this machine has no apt-get"
        return
    fi
    mkdir -p postgresql/archives/partial
    if ! download_postgresql; then
        update_lists
        download_postgresql || {
            missing postgresql "apt-get could not download it"
            return
        }
    fi
    for package in postgresql/archives/*.deb; do
        dpkg-deb --extract "$package" postgresql
    done
    as_root rm -rf postgresql/archives
    echo "postgresql is unpacked"
}

download_postgresql() {
    server=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p')
    test -n "$server" && as_root $APT install --download-only --yes --no-install-recommends \
        -o Dir::Cache::archives="$PWD/postgresql/archives" "$server" >/dev/null
}

BUILDAH="buildah netavark golang-github-containers-common golang-github-containers-image libsubid5 libgpgme11t64 \
    libassuan9 libgpg-error0 libseccomp2 libsqlite3-0 patchelf"

# Unpack buildah, which builds basebump's image, and netavark, without which buildah does not start. buildah restarts
# itself from memory with an empty environment, so the path of its libraries is written into the program.
unpack_buildah() {
    if command -v buildah >/dev/null; then
        echo "buildah is already installed"
        return
    fi
    test -x buildah/usr/bin/buildah && return
    if ! command -v apt-get >/dev/null; then
        missing buildah "this machine has no apt-get"
        return
    fi
    mkdir -p buildah/debs
    # shellcheck disable=SC2086
    (cd buildah/debs && download $BUILDAH) || {
        missing buildah "apt-get could not download it"
        rm -rf buildah
        return
    }
    for package in buildah/debs/*.deb; do
        dpkg-deb --extract "$package" buildah
    done
    rm -rf buildah/debs
    libraries=$(echo "$PWD"/buildah/usr/lib/*-linux-gnu*)
    buildah/usr/bin/patchelf --force-rpath --set-rpath "$libraries" buildah/usr/bin/buildah
    echo "buildah is unpacked"
}

PRIMER=22.3.2
PRIMER_SHA512=563c7b53f20b9c6b0440ff9c678a7c6e555315c8c4d939b0c53202befe518e805d4bb41a703565969268f80f6b6890744f1bdeb4f88ea9247b3721d7de170c29

# Unpack GitHub's published style sheet, in which tests measure proposals, from the npm package @primer/css.
unpack_primer_css() {
    sheet=primer-css/package/dist/primer.css
    if test -f "primer-css/$PRIMER" && test -f "$sheet"; then
        return
    fi
    if ! command -v npm >/dev/null; then
        missing primer-css "this machine has no npm"
        return
    fi
    rm -rf primer-css
    mkdir primer-css
    if ! (cd primer-css && npm pack --silent "@primer/css@$PRIMER" >/dev/null 2>npm.log); then
        missing primer-css "npm could not download it: $(tail -n 1 primer-css/npm.log)"
    elif ! echo "$PRIMER_SHA512  primer-css/primer-css-$PRIMER.tgz" | sha512sum --check --quiet >/dev/null 2>&1; then
        missing primer-css "the downloaded package does not have the expected hash"
    else
        tar -xzf "primer-css/primer-css-$PRIMER.tgz" -C primer-css package/dist/primer.css
        touch "primer-css/$PRIMER"
        echo "primer-css is unpacked"
    fi
}

# Build three real root file systems of one Debian release: as first published, with its updates, and with its updates and
# Python. Tests read the expected package versions from the package databases in the first two, so that no version is
# hard-coded. The third is the base image from which a test builds basebump's image.
debian_roots() {
    test -f debian/newer.tar && test -f debian/older.tar && test -f debian/python.tar && return
    unpack mmdebstrap
    command -v mmdebstrap >/dev/null || test -f usr/bin/mmdebstrap || return 0
    mkdir -p debian
    root_of newer &
    root_of older '--setup-hook=sed -i "/bookworm-/d" "$1/etc/apt/sources.list"' &
    root_of python --include=python3,python3-venv
    wait
    if test -f debian/newer.tar && test -f debian/older.tar && test -f debian/python.tar; then
        echo "three Debian roots are built"
    fi
}

# Build debian/$1.tar, unless it exists, with the further options $@ of mmdebstrap, as root or in a user namespace.
root_of() {
    name=$1
    shift
    test -f "debian/$name.tar" && return
    PATH="$PWD/usr/bin:$PATH" mmdebstrap --quiet --format=tar --variant=minbase --include=openssl,ca-certificates \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/zoneinfo/*' \
        "$@" bookworm "debian/$name.part" 2>"debian/$name.log" || {
        missing "debian/$name" "mmdebstrap could not build it: $(tail -n 1 "debian/$name.log")"
        return 0
    }
    mv "debian/$name.part" "debian/$name.tar"
}

unpack cosign
unpack docker-registry
unpack_always fonts-liberation
unpack_always gh
unpack glab
unpack kustomize
unpack docker-compose
unpack promtool
unpack_postgresql
unpack_buildah
unpack_primer_css
install systemd-analyze systemd
install chromium chromium
debian_roots
