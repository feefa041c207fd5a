#!/usr/bin/env python3
"""Runs every lab of docs/labs: with the rights there are and without any; its trace graded elsewhere; and each of its mutations,
whose checks must fail.

Usage: labs_test.py [LAB]...     with the programs' paths in the environment, as TCPLENS and ECHO
       labs_test.py --kernels    runs, and nothing else, of those labs that look at what kernels do differently

Two labs run at a time: most of them wait, for timers or for a wire.
"""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import NOBODY, REPOSITORY, SLOWDOWN, TCPLENS, check, check_equal

LABS = Path(REPOSITORY, "docs", "labs")
AT_ONCE = 2
TRIES = 3
DONE, CANNOT_TELL, FAILED = 0, 4, 5
# What they look at has another form, another default or another way through the kernel from one series to the next: settings that
# came late, reasons of resets and drops, how ports are chosen, what a listener refuses, what tells of processes.
BY_KERNEL = ["abort-on-overflow", "accept-queue-full", "backlog-plus-one", "ephemeral-port", "fin-wait-2", "keepalive-off", "lost-ack",
             "lost-syn", "models", "resets", "syn-cookies", "syn-flood-proven", "syn-queue-size", "time-wait-reuse", "udp-checksum"]
# Of a grader: https://gradescope-autograders.readthedocs.io/en/latest/specs/
GRADESCOPE = {"score", "execution_time", "output", "output_format", "visibility", "stdout_visibility", "tests", "extra_data"}


def without_comments(text):
    """As the program has it: comments are blanks, texts stay."""
    return re.sub(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', lambda m: m[0] if m[0][0] == '"' else " ", text, flags=re.S)


def read_lab(name):
    return json.loads(without_comments((LABS / name / "lab.json").read_text(encoding="utf-8")))


def run(*arguments, before=(), program=TCPLENS, timeout=300):
    done = subprocess.run([*before, program, "lab", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout * SLOWDOWN, check=False)
    return lib.Done(done.returncode, done.stdout, done.stderr)


def graded(path):
    """What a result file says of each check: (status, output)."""
    result = json.loads(Path(path).read_text(encoding="utf-8"))
    check_equal(set(result), GRADESCOPE)
    return {test["number"]: (test["status"], test["output"]) for test in result["tests"]}


def told(done, trace):
    """What it said; where events were lost, which ones."""
    lines = trace.read_text(encoding="utf-8").splitlines() if trace.exists() else []
    return "\n".join([done.stdout + done.stderr, *(line for line in lines if '"record":"gap"' in line)])


def run_seen(name, folder, *options, **how):
    """Once more where the kernel could not tell all, which a busy machine brings about: then nothing is proven either way."""
    for _ in range(TRIES):
        done = run(name, "--auto", "-o", folder / "trace", "--result", folder / "result", *options, **how)
        if done.status != CANNOT_TELL or '"record":"gap"' not in (folder / "trace").read_text(encoding="utf-8"):
            break
        print(f"    {name}: again, for events were lost", flush=True)
    return done


# ---- what is tried of a lab; each in a folder of its own


def passes(name, folder):
    done = run_seen(name, folder, "--student", "s1")
    check_equal(done.status, DONE, told(done, folder / "trace"))
    check(all(status == "passed" for status, _ in graded(folder / "result").values()), done.stdout)
    lib.validate(str(folder / "trace"))
    lines = [json.loads(line) for line in (folder / "trace").read_text(encoding="utf-8").splitlines()]
    checks = [r for r in lines if r["record"] == "check"]
    asked = {q["id"] for q in read_lab(name).get("questions", [])}  # a record that shows the answer, where one does
    check_equal([r["check"] for r in checks if r["check"] not in asked], [c["id"] for c in read_lab(name)["checks"]])
    check_equal({r["result"] for r in checks}, {"passed"})
    # graded by somebody else, who has no right and was given the trace
    os.chmod(folder / "trace", 0o644)
    done = run("--check", folder / "trace", "--auto", "--result", folder / "again", before=NOBODY_RUNS)
    check_equal(done.status, DONE, done.stdout + done.stderr)
    check_equal(graded(folder / "again"), graded(folder / "result"))
    done = run(name, "--check", folder / "trace", "--student", "another", before=NOBODY_RUNS)
    check_equal(done.status, FAILED, done.stdout)
    # a trace that is cut proves nothing against anybody
    lines = (folder / "trace").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "cut").write_text("".join(lines[:len(lines) // 4]), encoding="utf-8")
    done = run(name, "--check", folder / "cut", before=NOBODY_RUNS)
    check(done.status in (CANNOT_TELL, DONE), "cut:", done.status, done.stdout)


NOBODY_RUNS = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups") if os.geteuid() == 0 else ()


def passes_without_rights(name, folder):
    if set(read_lab(name).get("needs", [])):
        done = run(name, "--auto", before=NOBODY_RUNS, program=PROGRAM)
        check_equal(done.status, 3, done.stdout + done.stderr)
        return
    done = run_seen(name, folder, before=NOBODY_RUNS, program=PROGRAM)
    if done.status == 3 and "on a newer kernel" in done.stderr:
        print(f"    {name}, as nobody: not here: {done.stderr.strip()}", flush=True)
        return
    check_equal(done.status, DONE, done.stdout + done.stderr)


def mutation_fails(name, folder, mutation):
    done = run_seen(name, folder, "--mutation", mutation["id"])
    check_equal(done.status, FAILED, told(done, folder / "trace"))
    found = graded(folder / "result")
    for key in mutation["fails"]:
        status, output = found[key]
        check_equal(status, "failed", f"{key}: {output}")
        check(re.fullmatch(r"expected \S.*; seen: \S.*", output, re.S), key, output)


# ---- what is read of it


def guide_is_complete(name, _folder):
    lab = read_lab(name)
    check_equal(lab["lab"], name)
    check(lab.get("mutations"), "has no mutation")
    for language in ("en", "zh"):
        text = (LABS / name / f"guide.{language}.md").read_text(encoding="utf-8")
        sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
        check(re.match(r"# \S.*\n\n\S", text), language, "has no title, or nothing below it")
        wanted = [q["id"] for q in lab.get("questions", [])] + [c["id"] for c in lab["checks"]] + ["after"]
        check_equal(sorted(sections), sorted(wanted), f"{language}:")
        for q in lab.get("questions", []):
            choices = dict(re.findall(r"^- (\S+): (\S.*\n  \S.*)$", sections[q["id"]], re.M))
            check_equal(sorted(choices), sorted(q["choices"]), f"{language}, {q['id']}, each with what is said to it:")
        if language == "zh":
            for key, section in sections.items():
                check(re.search("[\u4e00-\u9fff]", section), key, "is not Chinese")


def schema_takes_it(name, _folder):
    import jsonschema

    schema = json.loads((LABS.parent / "lab.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(read_lab(name))


def tasks(names, runs_only):
    for name in names:
        if runs_only:
            yield f"{name}: runs", passes, (name,)
            continue
        yield f"{name}", guide_is_complete, (name,)
        yield f"{name}: schema", schema_takes_it, (name,)
        yield f"{name}: runs", passes, (name,)
        if NOBODY_RUNS and PROGRAM:
            yield f"{name}: as nobody", passes_without_rights, (name,)
        for mutation in read_lab(name)["mutations"]:
            yield f"{name}: mutation {mutation['id']}", mutation_fails, (name, mutation)


def attempt(task):
    what, function, (name, *rest) = task
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            function(name, Path(folder), *rest)
        why = ""
    except Exception as error:  # whatever it is, the others go on
        why = f"{type(error).__name__}: {error}"
    return what, time.monotonic() - start, why


PROGRAM = None  # a copy where everybody may go


def main(names):
    global PROGRAM
    runs_only = names == ["--kernels"]
    if runs_only:
        names = BY_KERNEL
    unknown = [n for n in names if not (LABS / n).is_dir()]
    if unknown:
        print(f"no lab {unknown[0]!r}")
        return 2
    listed = lib.run("lab", "--list", "--names").stdout.split()
    check_equal(listed, sorted(p.parent.name for p in LABS.glob("*/lab.json")), "--list:")
    failed = count = 0
    with tempfile.TemporaryDirectory() as home, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        os.chmod(home, 0o755)
        for program in (lib.TCPLENS, lib.ECHO):
            shutil.copy(program, home)
        tried = subprocess.run([*NOBODY_RUNS, "unshare", "--user", "--net", "true"], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            PROGRAM = f"{home}/{os.path.basename(lib.TCPLENS)}"
        else:
            print(f"skip: labs as nobody: no user namespaces for ordinary users: {tried.stderr.strip()}")
            failed += lib.CI
        for what, seconds, why in pool.map(attempt, tasks(names or listed, runs_only)):
            count += 1
            failed += bool(why)
            print(f"{'FAIL' if why else 'ok  '} {what} ({seconds:.2f} s)", flush=True)
            if why:
                print(f"    {why}", flush=True)
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
