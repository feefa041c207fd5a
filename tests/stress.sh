#!/bin/sh
# Runs the COMMANDs, as run.sh does, ROUNDS times while something else wants every processor: stress.sh ROUNDS COMMAND...
#
# With QUOTA they get so many hundredths of one processor and no more, in half seconds: for the rest of each all of them stand
# still at once, and the kernel's timers do not. A load alone lets all go on, slowly.
#
# Prints of each round what run.sh says at its end, and how many cases had to be run again; ends with 1 if anything failed. The
# load ends with this shell, however that ends.
rounds=$1
shift
case $rounds in '' | *[!0-9]*) echo "stress.sh: '$rounds' is no number of rounds" >&2; exit 2 ;; esac
case ${QUOTA:-100} in 0* | *[!0-9]*) echo "stress.sh: QUOTA='$QUOTA' is no part of a processor" >&2; exit 2 ;; esac
said=$(mktemp) || exit 1
groups=/sys/fs/cgroup group=
end() {
    rm -f "$said"
    [ -z "$group" ] || { echo $$ >"$groups/cgroup.procs" && rmdir "$group"; }
}
trap end EXIT
trap 'exit 1' HUP INT TERM
# no test has a processor for itself: a deadline is there to find what hangs
export TEST_SLOWDOWN="${TEST_SLOWDOWN:-$(((1 + ${TEST_JOBS:-1}) * 100 / ${QUOTA:-100}))}"

for _ in $(seq "$(nproc)"); do
    while kill -0 $$ 2>/dev/null; do
        i=0
        while [ $i -lt 200000 ]; do i=$((i + 1)); done
    done &
done

# after the load, which has what is left
if [ -n "$QUOTA" ]; then
    [ ! -d $groups/cpu ] || groups=$groups/cpu # version 1
    group=$groups/tcplens-stress-$$
    if ! { mkdir "$group" && if [ -e "$group/cpu.cfs_quota_us" ]; then
        echo 500000 >"$group/cpu.cfs_period_us" && echo $((QUOTA * 5000)) >"$group/cpu.cfs_quota_us"
    else
        echo +cpu >$groups/cgroup.subtree_control && echo "$((QUOTA * 5000)) 500000" >"$group/cpu.max"
    fi && echo $$ >"$group/cgroup.procs"; }; then
        echo "stress.sh: QUOTA=$QUOTA: no control group limits processors here, or not by so much" >&2
        exit 2
    fi
fi

status=0 round=1
while [ "$round" -le "$rounds" ]; do
    sh "${0%/*}/run.sh" "round $round of $rounds" "$@" >"$said" 2>/dev/null || status=1
    sed -n "/^round $round of $rounds: /,\$p" "$said"
    # where a kernel withholds events (tests/lib/kernel.py), where TCP sent something again (tests/lib/cases.py)
    again=$(grep -c '^ *again: ' "$said")
    [ "$again" = 0 ] || echo "    cases that were run again: $again"
    round=$((round + 1))
done
exit $status
