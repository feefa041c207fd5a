#!/bin/sh
# Runs tests on another kernel, in a virtual machine without hardware support: boot.sh SERIES COMMAND...
#
# SERIES is a kernel of Debian (6.1, 6.12: fetch.sh gets it), each COMMAND a test as run.sh takes it. The machine has no
# disk and no network: its files are copies of this machine's, at the same paths (initramfs.py). O is where all of it is
# kept, TCPLENS and ECHO are the programs to test. BOOT_DEADLINE: seconds until the machine counts as hung.
# Exit status 77: no such kernel or no QEMU here, and it has said which.
series=$1
shift
here=$(dirname "$0")
kept=${O:-build}/kernels
deadline=${BOOT_DEADLINE:-600}
# What the tests call, besides Python.
programs='sh ip mount setpriv sleep stty timeout true uname unshare'

if ! command -v qemu-system-x86_64 >/dev/null; then
    echo "Linux $series cannot be booted: qemu-system-x86_64 is missing (package qemu-system-x86)" >&2
    exit 77
elif [ "$(uname -m)" != x86_64 ]; then
    echo "Linux $series cannot be booted: its packages are for x86-64, the programs built here are not" >&2
    exit 77
fi
kernel=$(sh "$here/fetch.sh" "$series" "$kept") || exit
kept=$(cd "$kept" && pwd)

quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
python=$(python3 -c 'import sys; print(sys.executable)') || exit 1
{
    echo "cd $(quote "$PWD")"
    echo "export CI=true HOME=/tmp PATH=$(quote "$(dirname "$python"):$PATH")"
    for name in O TCPLENS ECHO VIEWER TEST_TIMEOUT TCPLENS_DEBUG; do
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

# panic=-1 with -no-reboot: a kernel that crashes ends at once.
timeout --kill-after=5 "$deadline" qemu-system-x86_64 -accel tcg,thread=multi -machine pc -smp 2 -m 1G \
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$kept/console-$series" -serial stdio \
    -kernel "$kernel" -initrd "$kept/initramfs-$series" \
    -append "console=ttyS0 panic=-1 oops=panic rdinit=$(realpath "$here/init") -- $kept/job-$series" \
    </dev/null | sed -u 's/\r$//' | tee "$kept/output-$series"
status=$(sed -n '$s/^exit status: //p' "$kept/output-$series")
if [ -z "$status" ]; then
    tail -n 30 "$kept/console-$series" >&2
    echo "Linux $series crashed, or was not done after $deadline s (above: the end of its console)" >&2
    exit 1
fi
exit "$status"
