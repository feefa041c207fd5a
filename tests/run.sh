#!/bin/sh
# Runs the tests of one group, one after the other, and counts: run.sh GROUP COMMAND...
#
# A command passes with exit status 0. Status 77 says that it cannot run here, and it has said why: it is skipped,
# but a failure where CI=true, which is a machine that must be able to run everything. A group without a test fails.
# TEST_TIMEOUT: seconds until a command counts as hung. TEST_RESULTS: a file that collects the closing lines.
group=$1
shift
passed=0 failed=0 skipped=0 notes=
echo "---- $group"
for command in "$@"; do
    name=$(printf '%.100s' "$command")
    timeout --kill-after=10 "${TEST_TIMEOUT:-300}" sh -c "$command" </dev/null
    status=$?
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        continue
    elif [ $status = 77 ] && [ "$CI" != true ]; then
        skipped=$((skipped + 1))
        echo "SKIPPED: $name" >&2
        notes="$notes
    skipped: $name"
        continue
    fi
    case $status in
    77) why='cannot run here, and CI=true' ;;
    124 | 137) why="did not end within ${TEST_TIMEOUT:-300} s" ;;
    *) why="exit status $status" ;;
    esac
    failed=$((failed + 1))
    echo "FAILED: $name: $why" >&2
    notes="$notes
    failed: $name: $why"
done
[ $# -gt 0 ] || notes="
    no test found" failed=1
line="$group: $passed passed, $failed failed, $skipped skipped$notes"
echo "$line"
[ -z "$TEST_RESULTS" ] || echo "$line" >>"$TEST_RESULTS"
[ $failed = 0 ]
