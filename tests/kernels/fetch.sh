#!/bin/sh
# Prints the path of a kernel of the series asked for, out of Debian's packages: fetch.sh SERIES DIRECTORY
#
# The first time, the newest of that series is loaded into DIRECTORY, by apt with lists of its own: nothing is installed,
# the lists of the machine stay as they are, and root is not needed. Exit status 77: it cannot be had, and why.
series=$1 directory=$2

cannot() {
    echo "Linux $series cannot be had: $1" >&2
    exit 77
}

kernel=$(find "$directory" -name "vmlinuz-$series.*-cloud-amd64" 2>/dev/null | head -n 1)
if [ -n "$kernel" ]; then
    echo "$kernel"
    exit 0
fi

for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || cannot "this is not Debian ($program is missing)"
done
mkdir -p "$directory/apt/lists/partial" "$directory/apt/cache/archives/partial" || exit 1
directory=$(cd "$directory" && pwd)
load=$(mktemp -d "$directory/load.XXXXXX") || exit 1
trap 'rm -rf "$load"' EXIT
# Root's apt would become another user to download, who need not get into DIRECTORY.
set -- -q -o Dir::State::lists="$directory/apt/lists" -o Dir::Cache="$directory/apt/cache" -o APT::Sandbox::User="$(id -un)"

# One archive out of reach need not be the one that has it.
apt-get "$@" update >"$load/log" 2>&1
package=$(apt-cache "$@" pkgnames "linux-image-$series." | grep -v -e -unsigned -e -dbg | grep -e '-cloud-amd64$' |
    sort -V | tail -n 1)
if [ -z "$package" ]; then
    cat "$load/log" >&2
    cannot "the package archives of this machine have no linux-image-$series.*-cloud-amd64"
fi
(cd "$load" && apt-get "$@" download "$package:amd64") >>"$load/log" 2>&1 || {
    cat "$load/log" >&2
    cannot "$package could not be downloaded"
}
dpkg-deb --fsys-tarfile "$load"/linux-image-*.deb | tar -x -C "$load" --wildcards './boot/vmlinuz-*' || exit 1
mv "$load"/boot/vmlinuz-* "$directory" || exit 1
find "$directory" -name "vmlinuz-$series.*"
