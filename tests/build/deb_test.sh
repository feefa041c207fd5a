#!/bin/sh
# deb_test.sh FOLDER: the packages there in a Debian of their own: installed, tried, removed, and nothing left. As root, in a
# mount namespace of its own (make check-deb): the system is made in memory, and goes with the namespace whatever happens.
# MIRROR and SUITE: of the archive it is made of.
set -eu
packages=$1
suite=${SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")}
mirror=${MIRROR:-http://deb.debian.org/debian}
root=$packages/root
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "FAIL $*" >&2; exit 1; }
inside() { chroot "$root" "$@"; }
# files, and who there is; what every installation writes to is left out: its own lists, logs, copies of the account files,
# and /run, which the next boot empties (adduser keeps its lock there)
inventory() {
    inside find / -xdev -path /proc -prune -o -path /run -prune -o -path /tmp -prune -o -path /var/log -prune \
        -o -path /var/cache -prune -o -path /var/lib/dpkg -prune -o -path '/etc/*-' -prune -o -print | sort
    inside cat /etc/passwd /etc/group /etc/shadow /etc/gshadow
    inside dpkg-statoverride --list || true # none: status 1
}

mkdir -p "$root"
mount -t tmpfs -o size=3g tmpfs "$root"
echo "making Debian $suite of $mirror"
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$packages/debootstrap.log" 2>&1 ||
    { tail -3 "$packages/debootstrap.log"; fail 'debootstrap'; }
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
cp "$packages"/tcplens_*.deb "$packages"/tcplens-doc_*.deb "$root/tmp/"
needed=$(dpkg-deb -f "$packages"/tcplens_*.deb Depends)
inside apt-get -qq update
inside apt-get -qq -y --no-install-recommends satisfy "$needed, libcap2-bin" >/dev/null 2>&1 || fail "cannot install $needed"
inventory >"$packages/before"

inside sh -c 'dpkg -i /tmp/*.deb' >/dev/null || fail 'dpkg -i'
inside getent passwd tcplens >/dev/null || fail 'no account tcplens'
echo 'ok   installed'

status=0
inside tcplens doctor >"$packages/doctor.txt" || status=$?
[ $status = 0 ] || [ $status = 3 ] || fail "doctor ended with $status"
grep -q 'ok .*an account of its own: tcplens' "$packages/doctor.txt" || fail 'doctor does not see the account'
echo "ok   doctor (status $status)"
inside tcplens trace --netns new --quiet --output /tmp/demo.ndjson -- tcplens-echo demo >/dev/null || fail 'the demo'
inside tcplens explain /tmp/demo.ndjson >/dev/null || fail 'explain'
inside tcplens top --once /tmp/demo.ndjson | grep -q 'connections\|CONN' || fail 'top'
inside tcplens read -q -o /dev/null /usr/share/doc/tcplens/docs/sample.pcap || fail 'the sample'
[ -s "$root/usr/share/doc/tcplens/viewer.html" ] || fail 'no viewer'
[ -s "$root/usr/share/man/man1/tcplens.1.gz" ] || fail 'no manual'
echo 'ok   demo, explain, top, sample'

# as README.Debian has it
[ -z "$(inside getcap /usr/bin/tcplens)" ] || fail 'a capability that nobody asked for'
inside dpkg-statoverride --update --add root tcplens 0750 /usr/bin/tcplens
inside dpkg-reconfigure tcplens
inside getcap /usr/bin/tcplens | grep -q cap_bpf || fail 'opted in, and no capability'
inside adduser --quiet --disabled-password --gecos '' somebody
inside su somebody -c 'tcplens doctor' >/dev/null 2>&1 && fail 'who is in no group runs it'
inside adduser --quiet somebody tcplens
inside su somebody -c 'tcplens doctor' >"$packages/doctor-member.txt" || true
grep -q '^ok .*members of the group tcplens' "$packages/doctor-member.txt" || fail 'a member has no capability'
inside deluser --quiet --remove-home somebody 2>/dev/null || inside deluser --quiet somebody
rm -rf "$root/home/somebody" "$root/var/mail/somebody"
echo 'ok   members of the group tcplens, where that was asked for'

inside dpkg -P tcplens tcplens-doc >/dev/null || fail 'dpkg -P'
inventory >"$packages/after"
diff "$packages/before" "$packages/after" || fail 'something is left, or missing'
echo 'ok   removed, and nothing left'
