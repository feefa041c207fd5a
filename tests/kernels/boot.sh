#!/bin/sh
# Runs tests on another kernel, in a virtual machine without hardware support: boot.sh SERIES COMMAND...
#
# SERIES is a kernel of Debian (6.1, 6.12: fetch.sh gets it), each COMMAND a test as run.sh takes it. The machine has no
# disk and no network: its files are copies of this machine's, at the same paths (initramfs.py). Everything is kept in
# $O/kernels; TCPLENS and ECHO are the programs to test; TEST_TIMEOUT is when the machine counts as hung.
# Exit status 77: no QEMU or no such kernel here, and it has said which.
series=$1
shift
here=$(dirname "$0")
kept=${O:-build}/kernels
# It must end before run.sh ends this script.
deadline=$((${TEST_TIMEOUT:-600} - 20))
# What the tests call, besides Python: a program that is not named here is not found there.
programs='sh ip mount setpriv setsid sleep stty timeout true uname unshare'

cannot() {
    echo "Linux $series cannot be booted: $1" >&2
    exit 77
}

[ "$(uname -m)" = x86_64 ] || cannot 'its packages are for x86-64, and the programs built here are not'
command -v qemu-system-x86_64 >/dev/null || cannot 'qemu-system-x86_64 is missing (package qemu-system-x86)'
kernel=$(sh "$here/fetch.sh" "$series" "$kept") || exit
kept=$(cd "$kept" && pwd)

quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
python=$(python3 -c 'import os, sys; print(os.path.dirname(sys.executable))') || exit 1
{
    echo "cd $(quote "$PWD")"
    echo "export CI=true TEST_SLOWDOWN=8 TEST_TIMEOUT=$deadline HOME=/tmp PATH=$(quote "$python"):/usr/sbin:/usr/bin:/sbin:/bin"
    for name in O TCPLENS ECHO VIEWER TCPLENS_DEBUG; do
        eval "value=\${$name-}"
        [ -z "$value" ] || echo "export $name=$(quote "$value")"
    done
    printf 'sh tests/run.sh "kernel, on Linux $(uname -r)"'
    for command in "$@"; do printf ' %s' "$(quote "$command")"; done
    echo
} >"$kept/job-$series"

# shellcheck disable=SC2086 # a list of words
python3 "$here/initramfs.py" "$kept/initramfs-$series" $programs "$here/init" "$kept/job-$series" "$TCPLENS" "$ECHO" \
    "$PWD/tests" "$PWD/docs" /etc/hosts /etc/nsswitch.conf /etc/passwd /etc/group || exit 1

# panic=-1 with -no-reboot: a kernel that crashes ends the machine. Lines are marked, as several may run at once.
timeout --kill-after=5 "$deadline" qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 1G \
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$kept/console-$series" -serial stdio \
    -kernel "$kernel" -initrd "$kept/initramfs-$series" \
    -append "console=ttyS0 panic=-1 oops=panic rdinit=$(realpath "$here/init") -- $kept/job-$series" \
    </dev/null | sed -u 's/\r$//' | tee "$kept/output-$series" | sed -u "s/^/$series | /"
status=$(sed -n '$s/^exit status: //p' "$kept/output-$series")
if [ -z "$status" ]; then
    tail -n 40 "$kept/console-$series" >&2
    echo "Linux $series crashed, or was not done after $deadline s (above: the end of its console)" >&2
    exit 1
fi
exit "$status"
