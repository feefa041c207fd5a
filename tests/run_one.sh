#!/bin/sh
# One command of run.sh: run_one.sh FOLDER NUMBER runs FOLDER/NUMBER.command, and leaves its NUMBER.output and NUMBER.status
# there. What it says is shown at once, or as a whole where others run at the same time.
run=$1/$2
timeout=$((${TEST_TIMEOUT:-300} * ${TEST_JOBS:-1})) # which share the processors
one() {
    timeout --kill-after=10 "$timeout" sh -c "$(cat "$run.command")" </dev/null
    echo $? >"$run.status"
}
if [ "${TEST_JOBS:-1}" = 1 ]; then
    # what a command leaves behind may hold the pipe: tee has a limit of its own
    one 2>&1 | timeout $((timeout + 20)) tee "$run.output"
else
    one >"$run.output" 2>&1
    flock "$1" cat "$run.output"
fi
