#!/bin/sh
# Runs tests on another kernel, in a virtual machine without hardware support: boot.sh SERIES [COMMAND...]
#
# SERIES is a kernel of Debian (6.1, 6.12: fetch.sh gets it), each COMMAND a test as run.sh takes it. By default they
# are the kernel tests, but those of the reference servers, of what is said of sockets, of what browsers and terminals get
# and of `trace` as a command, for which all kernels are the same; that of clocks, which is set there; and the labs for
# which they are not. Those of faults and of what is said of sockets also take long where the processor is emulated: ten
# minutes and more each. Named as COMMAND, with as much time, fault_test.py and trace_command_test.py run on 6.1. Those of
# habits, of merging and of --write need more memory (a dozen tracers at once), a processor's own clock, and programs that
# the machine has not.
# The machine has no disk and no network: its files are copies of this machine's, at the same paths (initramfs.py). All
# is kept in $O/kernels; TCPLENS, ECHO and VIEWER are what is tested; TEST_TIMEOUT is when the machine counts as hung.
# Exit status 77: no QEMU or no such kernel here, and it has said which.
series=$1
shift
here=$(dirname "$0")
kept=${O:-build}/kernels
# It must end before run.sh ends this script.
deadline=$((${TEST_TIMEOUT:-600} - 20))
# What the tests call, besides Python: a program that is not named here is not found there.
programs='sh awk cat curl date env insmod ip mktemp mount nsenter rm seq setpriv setsid sleep stty tee timeout touch true
    umount uname unshare xargs'

if [ $# = 0 ]; then
    for test in tests/kernel/*_test.py; do
        case ${test##*/} in
        claims_test.py | echo_test.py | echo_commands_test.py | fault_test.py | habits_test.py | merge_test.py | \
            models_test.py | serve_test.py | top_test.py | trace_command_test.py | write_test.py) ;;
        *) set -- "$@" "python3 $test" ;;
        esac
    done
    set -- "$@" 'python3 tests/faults/clock_test.py' 'python3 tests/labs/labs_test.py --kernels'
fi

cannot() {
    echo "Linux $series cannot be booted: $1" >&2
    exit 77
}

[ "$(uname -m)" = x86_64 ] || cannot 'its packages are for x86-64, and the programs built here are not'
command -v qemu-system-x86_64 >/dev/null || cannot 'qemu-system-x86_64 is missing (package qemu-system-x86)'
PATH="$PATH:/usr/sbin:/sbin" command -v insmod >/dev/null || cannot 'insmod is missing (package kmod)'
sh "$here/fetch.sh" "$series" "$kept" || exit
kept=$(cd "$kept" && pwd)
kernel=$kept/linux-$series

quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
python=$(python3 -c 'import os, sys; print(os.path.dirname(sys.executable))') || exit 1
{
    for module in inet_diag tcp_diag tun veth; do echo "insmod $(quote "$(ls "$kernel/$module".ko*)")"; done
    echo "cd $(quote "$PWD")"
    echo "export PATH=$(quote "$python"):/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp"
    echo "export CI=true TEST_SLOWDOWN=8 TEST_EMULATED=1 TEST_SET_CLOCK=1 TEST_TIMEOUT=$deadline"
    for name in O PROBE TCPLENS ECHO VIEWER TCPLENS_DEBUG; do
        eval "value=\${$name-}"
        [ -z "$value" ] || echo "export $name=$(quote "$value")"
    done
    # shellcheck disable=SC2016 # expanded there
    printf 'sh tests/run.sh "kernel, on Linux $(uname -r)"'
    for command in "$@"; do printf ' %s' "$(quote "$command")"; done
    echo
} >"$kept/job-$series"

etc=$(ls -d /etc/hosts /etc/nsswitch.conf /etc/resolv.conf /etc/passwd /etc/group 2>/dev/null)
# shellcheck disable=SC2086 # lists of words
python3 "$here/initramfs.py" "$kept/initramfs-$series" $programs "$here/init" "$kept/job-$series" "$kernel"/*.ko* \
    "$TCPLENS" "$ECHO" "$VIEWER" ${PROBE:+"$PROBE"} "$PWD/tests" "$PWD/docs" $etc || exit 1

# thread=single: with a thread for each processor QEMU can go on executing the breakpoint through which the kernel patches
# its code when a tracepoint is switched on, for ever.
# norandmaps: QEMU keeps translated code by its address. Where each process has its own, that is of no use to the next one,
# and Python takes a second to start instead of a tenth.
# panic=-1 with -no-reboot: a kernel that crashes ends the machine. tsc=reliable: it would take the processors' clocks
# for unsynchronised, when the host is busy, and use a slow one; no_timer_check: nor let it panic because of its
# first ten timer interrupts too few came in time. Lines are marked, as several machines may run at once.
timeout --kill-after=5 "$deadline" qemu-system-x86_64 -accel tcg,thread=single -smp 2 -m 1G \
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$kept/console-$series" -serial stdio \
    -kernel "$kernel"/vmlinuz-* -initrd "$kept/initramfs-$series" \
    -append "console=ttyS0 norandmaps tsc=reliable no_timer_check panic=-1 oops=panic rdinit=$(realpath "$here/init") -- $kept/job-$series" \
    </dev/null | sed -u 's/\r$//' | tee "$kept/output-$series" | sed -u "s/^/$series | /"
rm "$kept/initramfs-$series"
status=$(sed -n '$s/^exit status: //p' "$kept/output-$series")
if [ -z "$status" ]; then
    tail -n 40 "$kept/console-$series" >&2
    echo "Linux $series crashed, or was not done after $deadline s (above: the end of its console)" >&2
    exit 1
fi
exit "$status"
