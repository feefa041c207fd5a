#!/bin/sh
# Runs the COMMANDs, as run.sh does, ROUNDS times while something else wants every processor: stress.sh ROUNDS COMMAND...
#
# Prints of each round what run.sh says at its end, and how many cases had to be run again; ends with 1 if anything failed. The
# load ends with this shell, however that ends.
rounds=$1
shift
case $rounds in '' | *[!0-9]*) echo "stress.sh: '$rounds' is no number of rounds" >&2; exit 2 ;; esac
said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
# no test has a processor for itself: a deadline is there to find what hangs
export TEST_SLOWDOWN="${TEST_SLOWDOWN:-$((1 + ${TEST_JOBS:-1}))}"

for _ in $(seq "$(nproc)"); do
    while kill -0 $$ 2>/dev/null; do
        i=0
        while [ $i -lt 200000 ]; do i=$((i + 1)); done
    done &
done

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
