#!/usr/bin/env python3
"""The examples of docs/trace-format.md are lines that the program writes: the same keys in the same order, and words.

Usage: trace_format_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import json
import os
import re
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import ECHO, case, check, check_equal, script, trace_of

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "trace-format.md")
# Of the machine, its kernel and the moment, whatever their type: not what the example is about.
VARIES = ("start", "kernel", "command", "sysctl", "tool", "history", "reason", "host", "clock")


def shape(value, key=None):
    """What is left of a record when its figures are taken out."""
    if key in VARIES and not isinstance(value, dict):
        return None
    if isinstance(value, dict):
        return [(k, shape(v, k)) for k, v in value.items() if not (key is None and k in VARIES and k != "kernel")]
    if isinstance(value, list):
        return [shape(v) for v in value]
    return 0 if isinstance(value, int) and not isinstance(value, bool) else value


def examples(*kinds):
    with open(DOCUMENT, encoding="utf-8") as file:
        records = [json.loads(text) for text in re.findall(r"```json\n(.*)\n```", file.read())]
    return [r for r in records if r["record"] in kinds]


def check_examples(trace, *kinds):
    written = [shape(r) for r in trace.records]
    for example in examples(*kinds):
        check(shape(example) in written, "the program does not write", json.dumps(example))


@case
def examples_of_the_demonstration():
    trace, _ = trace_of([ECHO, "demo", "--fast"], "--port", "7007")
    check_examples(trace, "header", "connection", "state", "object", "segment", "call", "listener", "queue", "timer",
                   "outcome", "end")


@case
def example_of_a_reset():
    trace, _ = trace_of(script("""
try: connect()
except ConnectionRefusedError: pass
"""))
    if lib.kernel_has("reasons of resets sent"):
        check_examples(trace, "reset")
    else:  # one that answers for no socket is not told either
        check_equal(trace.all("reset", direction="sent"), [])


if __name__ == "__main__":
    sys.exit(lib.main(sys.argv[1:]))
