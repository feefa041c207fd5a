#!/bin/sh
# Runs the tests of one group, one after the other, and counts: run.sh GROUP COMMAND...
#
# A command passes with exit status 0. Status 77 says that it cannot run here, and it has said why: it is skipped,
# but a failure where CI=true, which is a machine that must be able to run everything. A group without a test fails.
# TEST_TIMEOUT: seconds until a command counts as hung. TEST_RESULTS: a file that collects the closing lines, which say
# also what failed within a command: of a long log often the end is all that is kept.
group=$1
shift
passed=0 failed=0 skipped=0 notes=
here=${0%/*}
timeout=${TEST_TIMEOUT:-300}
kept=$(mktemp -d) || exit 1
trap 'rm -r "$kept"' EXIT
# a system call that the program is not confined to ends it, rather than being refused (docs/security.md)
export TCPLENS_SECCOMP=kill
echo "---- $group"
for command in "$@"; do
    name=$(printf '%.100s' "$command")
    # what a command leaves behind may hold the pipe: tee has a limit of its own
    { timeout --kill-after=10 "$timeout" sh -c "$command" </dev/null; echo $? >"$kept/status"; } 2>&1 |
        timeout $((timeout + 20)) tee "$kept/output"
    status=$(cat "$kept/status")
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
    124 | 137) why="did not end within $timeout s" ;;
    *) why="exit status $status" ;;
    esac
    failed=$((failed + 1))
    said=$(awk -f "$here/failures.awk" "$kept/output")
    echo "FAILED: $name: $why" >&2
    notes="$notes
    failed: $name: $why${said:+
$said}"
done
[ $# -gt 0 ] || notes="
    no test found" failed=1
line="$group: $passed passed, $failed failed, $skipped skipped$notes"
echo "$line"
[ -z "$TEST_RESULTS" ] || echo "$line" >>"$TEST_RESULTS"
[ $failed = 0 ]
