# What the output of a failed test command says of the failure, for a summary that is read without the rest: the cases
# that failed, each with the first lines of its message, and the last line. A command that ran tests by run.sh itself, on
# another machine, has said all that already: its closing lines. From any other the last lines.
function keep(line) {
    if (length(line) > width)
        line = substr(line, 1, width) " [...]"
    if (kept < most)
        found[kept] = line
    kept++
}

BEGIN {
    kept = 0
    most = 20 # lines
    width = 500 # bytes of a line
}

{
    sub(/^[0-9.]+ \| /, "") # tests/kernels/boot.sh: which machine
    indented = /^[ \t]/
    if (NF)
        last[++lines] = $0
}

/: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped, [0-9]+ s$/ {
    kept = 0
    nested = 1
    most *= 3
    keep($0)
    next
}

nested {
    if (indented)
        keep($0)
    next
}

# tests/lib/cases.py and web/; cmocka; sanitizers, compilers; Python
/^ *(FAIL|not ok|✖) / || /^\[ +(ERROR|LINE|FAILED) +\]/ || /Sanitizer: | error: / || /^Traceback / {
    message = 4
    shown = lines
    keep($0)
    next
}

# What node:test says of each before the error.
message && /^ *(---|duration_ms: .*|failureType: .*)$/ {
    next
}

message && indented {
    message--
    shown = lines
    keep($0)
    next
}

{ message = 0 }

END {
    if (!nested)
        for (i = kept ? lines : lines - 7; i <= lines; i++)
            if (i > shown && i > 0)
                keep(last[i])
    for (i = 0; i < kept && i < most; i++)
        print "        " found[i]
    if (kept > most)
        print "        (and " kept - most " lines more)"
}
