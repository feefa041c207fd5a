#!/bin/sh
# Runs the COMMANDs ROUNDS times while something else wants every processor: stress.sh ROUNDS COMMAND...
#
# Prints what fails of each round, and ends with 1 if anything did. The load ends with this shell, however that ends.
rounds=$1
shift
case $rounds in '' | *[!0-9]*) echo "stress.sh: '$rounds' is no number of rounds" >&2; exit 2 ;; esac
said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
# as run.sh has it
export TCPLENS_SECCOMP=kill

for _ in $(seq "$(nproc)"); do
    while kill -0 $$ 2>/dev/null; do
        i=0
        while [ $i -lt 200000 ]; do i=$((i + 1)); done
    done &
done

status=0 round=1
while [ "$round" -le "$rounds" ]; do
    failed=0
    for command in "$@"; do
        sh -c "$command" </dev/null >"$said" 2>&1 && continue
        failed=$((failed + 1)) status=1
        printf 'round %d: %s\n' "$round" "$command"
        awk -f "${0%/*}/failures.awk" "$said"
    done
    echo "round $round of $rounds: $(($# - failed)) of $# passed"
    round=$((round + 1))
done
exit $status
