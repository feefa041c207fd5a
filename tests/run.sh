#!/bin/sh
# Runs the tests of one group, TEST_JOBS at once (1), and counts: run.sh GROUP COMMAND...
#
# A command passes with exit status 0. Status 77 says that it cannot run here, and it has said why: it is skipped,
# but a failure where CI=true, which is a machine that must be able to run everything. A group without a test fails.
# TEST_TIMEOUT: seconds until a command counts as hung, times TEST_JOBS. TEST_RESULTS: a file that collects the closing
# lines, which say also what failed within a command: of a long log often the end is all that is kept.
group=$1
shift
passed=0 failed=0 skipped=0 notes=
began=$(date +%s)
here=${0%/*}
kept=$(mktemp -d) || exit 1
trap 'rm -r "$kept"' EXIT
# a system call that the program is not confined to ends it, rather than being refused (docs/security.md)
export TCPLENS_SECCOMP=kill
# tests that share the processors take longer: a deadline is there to find what hangs
export TEST_SLOWDOWN="${TEST_SLOWDOWN:-${TEST_JOBS:-1}}"
echo "---- $group"
# in the order they are given, as far as those before have ended
number=0
for command in "$@"; do
    number=$((number + 1))
    printf '%s\n' "$command" >"$kept/$number.command"
done
seq "$number" | xargs -r -n 1 -P "${TEST_JOBS:-1}" sh "$here/run_one.sh" "$kept"
number=0
for command in "$@"; do
    number=$((number + 1))
    name=$(printf '%.100s' "$command")
    status=$(cat "$kept/$number.status" || echo unknown)
    if [ "$status" = 0 ]; then
        passed=$((passed + 1))
        continue
    elif [ "$status" = 77 ] && [ "$CI" != true ]; then
        skipped=$((skipped + 1))
        echo "SKIPPED: $name" >&2
        notes="$notes
    skipped: $name"
        continue
    fi
    case $status in
    77) why='cannot run here, and CI=true' ;;
    124 | 137) why="did not end within $((${TEST_TIMEOUT:-300} * ${TEST_JOBS:-1})) s" ;;
    *) why="exit status $status" ;;
    esac
    failed=$((failed + 1))
    said=$(awk -f "$here/failures.awk" "$kept/$number.output")
    echo "FAILED: $name: $why" >&2
    notes="$notes
    failed: $name: $why${said:+
$said}"
done
[ $# -gt 0 ] || notes="
    no test found" failed=1
line="$group: $passed passed, $failed failed, $skipped skipped, $(($(date +%s) - began)) s$notes"
echo "$line"
[ -z "$TEST_RESULTS" ] || echo "$line" >>"$TEST_RESULTS"
[ $failed = 0 ]
