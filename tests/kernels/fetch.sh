#!/bin/sh
# Puts a kernel of the series asked for into DIRECTORY/linux-SERIES, out of Debian's packages: fetch.sh SERIES DIRECTORY
#
# It is the newest of that series, loaded once by apt with lists of its own: nothing is installed, the lists of the
# machine stay as they are, and root is not needed. Exit status 77: it cannot be had, and why.
series=$1 directory=$2
# What the tests use of what Debian's kernels have not built in.
modules='inet_diag tcp_diag tun veth'
missing=

cannot() {
    [ ! -s "$load/log" ] || cat "$load/log" >&2
    echo "Linux $series cannot be had: $1" >&2
    exit 77
}

mkdir -p "$directory/apt/lists/partial" "$directory/apt/archives/partial" || exit 1
directory=$(cd "$directory" && pwd)
# One series after the other: apt locks its lists, and would give up instead of waiting.
exec 9>"$directory/lock"
flock 9
for module in $modules; do
    ls "$directory/linux-$series/$module".ko* >/dev/null 2>&1 || missing=$module
done
[ -n "$missing" ] || exit 0

for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || cannot "this is not Debian ($program is missing)"
done
load=$directory/load
rm -rf "$load"
mkdir -p "$load/tree" "$load/kernel" || exit 1
# As root, apt would become another user to download, who need not get into DIRECTORY.
set -- -q -o Dir::State::lists="$directory/apt/lists" -o Dir::Cache="$directory/apt" -o APT::Sandbox::User="$(id -un)"

# One archive out of reach need not be the one that has it.
apt-get "$@" update >"$load/log" 2>&1
package=$(apt-cache "$@" pkgnames "linux-image-$series." | grep -E '(-|\+deb)[0-9]+-cloud-amd64$' | sort -V | tail -n 1)
[ -n "$package" ] || cannot "the package archives of this machine have no linux-image-$series.*-cloud-amd64"
(cd "$load" && apt-get "$@" download "$package") >>"$load/log" 2>&1 || cannot "$package could not be downloaded"
# shellcheck disable=SC2046 # a pattern for each
dpkg-deb --fsys-tarfile "$load"/linux-image-*.deb | tar -x -C "$load/tree" --wildcards './boot/vmlinuz-*' \
    $(printf '*/%s.ko* ' $modules) || exit 1
find "$load/tree" -type f -exec mv {} "$load/kernel" \;
# It appears complete or not at all.
rm -rf "$directory/linux-$series"
mv "$load/kernel" "$directory/linux-$series" || exit 1
rm -rf "$load"
