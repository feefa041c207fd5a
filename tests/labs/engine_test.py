#!/usr/bin/env python3
"""tcplens lab as a command: what it lists and refuses, what graders get of it, and that nothing stays of it.

Usage: engine_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import REPOSITORY, SLOWDOWN, TCPLENS, case, check, check_equal, one_line, wait_for

DONE, FAILED, USAGE, CANNOT_TELL, CHECK_FAILED = 0, 1, 2, 4, 5
# Two actors and no wait for a timer.
LAB = {
    "lab": "own", "version": 3, "topology": "lo",
    "vary": {"port": [20000, 30000], "message": "word"},
    "actors": {
        "server": {"at": "server", "steps": [{"listen": 5, "port": "$port"}, {"accept": {}}, {"recv_eof": {}}, {"close": {}}]},
        "client": {"at": "client", "steps": [{"wait": {"record": "listener"}}, {"connect": "server"}, {"send": "$message"},
                                             {"close": {}}]},
    },
    "questions": [{"id": "q", "choices": ["yes", "no"], "answer": "yes", "points": 2,
                   "why": {"record": "segment", "conn": "client"}}],
    "checks": [{"id": "sent", "points": 3, "exists": {"record": "lab", "actor": "client", "op": "send", "text": "$message"}},
               {"id": "normal", "points": 1, "outcome": {"conn": "client", "verdict": "closed-normally"}}],
    "mutations": [{"id": "silent", "set": {"actors.client.steps.2": None}, "fails": ["sent"]}],
}
GUIDE = """# Of its own

About <it> & that.

## q
Does = it ~ work?
- yes: Yes.
  So it is.
- no: No.
  It does.

## sent
The word is sent.

## normal
It ends well.

## after
That was it.
"""


def lab(*arguments, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([TCPLENS, "lab", *map(str, arguments)], capture_output=True, text=True, timeout=120 * SLOWDOWN,
                          check=False, **options)
    return lib.Done(done.returncode, done.stdout, done.stderr)


def write_lab(text=None, name="own"):
    folder = Path(name)
    folder.mkdir(exist_ok=True)
    for language in ("en", "zh"):
        (folder / f"guide.{language}.md").write_text(GUIDE, encoding="utf-8")
    (folder / "lab.json").write_text(text if text is not None else json.dumps(LAB, indent=1), encoding="utf-8")
    return f"./{name}/"


def record(*arguments):
    done = lab(write_lab(), "--auto", "-o", "trace", *arguments)
    check_equal(done.status, DONE, done.stdout + done.stderr)


def records(path="trace"):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


# ---- what it says


@case
def lists():
    names = lab("--list", "--names").stdout.split()
    check("first-connection" in names and names == sorted(names), names)
    for language, title in (("en", "The first connection"), ("zh", "第一条连接")):
        listed = lab("--list", "--lang", language).stdout.splitlines()
        check_equal([line.split()[0] for line in listed], names)
        check(any(title in line for line in listed) or language == "zh", listed)


@case
def refuses_usage():
    for arguments, *parts in (
            ([], "--list"), (["frist-connection"], "did you mean 'first-connection'"), (["--names"], "--list"),
            (["a", "b"], "one lab"), (["first-connection", "--lang", "de"], "en or zh"),
            (["first-connection", "--result-format", "x"], "gradescope"), (["first-connection", "--result-format", "tap"], "--result"), (["first-connection", "--student", ""], "--student"),
            (["first-connection", "--check", "x", "--auto"], "--check")):
        done = lab(*arguments)
        check_equal(done.status, USAGE, arguments)
        one_line(done.stderr, *parts)


@case
def names_the_line_and_the_field():
    good = json.dumps(LAB, indent=1).split("\n")
    line_of = {key: 1 + next(i for i, text in enumerate(good) if f'"{key}"' in text) for key in ("topology", "listen", "outcome")}
    text = "\n".join(good)
    for change, *parts in (
            (text.replace('"topology"', '"topologie"'), f"line {line_of['topology']}: topologie", "did you mean 'topology'"),
            (text.replace('"lo"', '"loo"'), f"line {line_of['topology']}: topology", "lo"),
            (text.replace('"listen"', '"lisen"'), f"line {line_of['listen']}: actors.server.steps.0", "did you mean 'listen'"),
            (text.replace('"outcome"', '"outcomes"'), f"line {line_of['outcome']}: checks.1", "did you mean 'outcome'"),
            (text.replace('"closed-normally"', "closed"), "line "),
            (text.replace('"connect": "server"', '"connect": "sever"'), "actors.client.steps.1", "sever"),
            (text.replace('"conn": "client"', '"conn": "clint"'), "clint"),
            (text.replace('"$port"', '"$prt"'), "actors.server.steps.0.port", "$prt"),
            (text.replace('"fails": [\n    "sent"', '"fails": [\n    "seen"'), "seen"),
            (text.replace('"record": "listener"', '"record": "lisener"'), "actors.client.steps.0", "did you mean 'listener'"),
            (text.replace('"verdict"', '"verdit"'), "did you mean 'verdict'"),
            ("", "line 1"), ("[]", "object"), ("{", "line 1")):
        done = lab(write_lab(change), "--auto")
        check_equal(done.status, FAILED, done.stdout + done.stderr)
        one_line(done.stderr, "./own/", *parts)


@case
def takes_comments():
    text = json.dumps(LAB, indent=1).replace("{\n", "{ // a comment with \"quotes\"\n", 1).replace("[", "/* [ { */ [", 1)
    done = lab(write_lab(text), "--auto")
    check_equal(done.status, DONE, done.stderr)
    bad = text.replace('"version"', '"versoin"')
    line = 1 + next(i for i, each in enumerate(bad.split("\n")) if "versoin" in each)
    one_line(lab(write_lab(bad), "--auto").stderr, f"line {line}: versoin")


@case
def files_that_are_none():
    one_line(lab("./nowhere/", "--auto").stderr, "./nowhere/", "No such file")
    folder = write_lab()
    Path("own/guide.zh.md").unlink()
    one_line(lab(folder, "--auto").stderr, "guide.zh.md")


@case
def the_schema_is_the_program_s():
    done = lab("--export", "schema")
    check_equal(done.stdout, Path(REPOSITORY, "docs", "lab.schema.json").read_text(encoding="utf-8"), "make lab-schema:")


# ---- grading


@case
def each_student_has_values_of_his_own():
    record("--student", "s1")
    first = next(r for r in records() if r["record"] == "lab")
    check_equal((first["lab"], first["version"], first["student"]), ("own", 3, "s1"))
    check(20000 <= int(first["values"]["port"]) <= 30000, first)
    ports = set()
    for student in ("s1", "s2", "s3", "s4"):
        lab(write_lab(), "--auto", "--student", student, "-o", "other")
        ports.add(next(r for r in records("other") if r["record"] == "lab")["values"]["port"])
    check(len(ports) >= 3, "students have the same port:", ports)
    check_equal(lab("./own/", "--check", "trace").status, DONE, "of whom it says it is:")
    done = lab("./own/", "--check", "trace", "--student", "s2")
    check_equal(done.status, CHECK_FAILED, done.stdout)
    check("of student s2" in done.stdout and "of student s1" in done.stdout, done.stdout)
    fixed = json.dumps({k: v for k, v in LAB.items() if k != "vary"}).replace('"$port"', "7007").replace("$message", "hello")
    done = lab(write_lab(fixed), "--auto", "--student", "s1", "-o", "trace")
    check_equal(done.status, DONE, done.stdout + done.stderr)
    check_equal(lab("./own/", "--check", "trace", "--student", "s2").status, CHECK_FAILED, "where nothing varies:")


@case
def a_program_starts_after_what_it_needs():
    own = json.loads(json.dumps(LAB))
    own["actors"]["server"] = {"at": "server", "echo": ["server", "--bind", "@server", "--port", "$port"],
                               "after": {"record": "lab", "actor": "client", "op": "pause_ms"}}
    own["actors"]["client"]["steps"].insert(0, {"pause_ms": 1})
    own["checks"] = LAB["checks"][:1]  # the echo is left unread
    done = lab(write_lab(json.dumps(own)), "--auto", "-o", "trace")
    check_equal(done.status, DONE, done.stdout + done.stderr)
    told = [(r["actor"], r["op"]) for r in records() if r["record"] == "lab" and "actor" in r]
    check(told.index(("client", "pause_ms")) < told.index(("server", "start")), told)
    own["actors"]["server"]["after"] = {"record": "listner"}
    done = lab(write_lab(json.dumps(own)), "--auto")
    check_equal(done.status, FAILED, done.stdout)
    one_line(done.stderr, "actors.server.after", "listener")


@case
def a_program_finds_files_of_its_own():
    before = Path("/etc/hosts").read_text(encoding="utf-8")
    look = {"at": "client", "run": ["sh", "-c", f'test "$(cat /etc/hosts)" = "$$1" && test -d {os.getcwd()}', "sh", "mine"]}
    own = json.loads(json.dumps(LAB))
    own["actors"] |= {"own": look | {"files": {"/etc/hosts": "mine\n"}}, "host": look,
                      "astray": look | {"files": {"/etc/no-such": ""}}}
    done = lab(write_lab(json.dumps(own)), "--auto", "-o", "trace")
    check_equal(done.status, DONE, done.stdout + done.stderr)
    ends = {r["actor"]: r["ret"] for r in records() if r.get("op") == "exit"}
    check_equal((ends["own"], ends["host"], ends["astray"]), (0, 1, 126))
    check("astray" in done.stderr and "/etc/no-such" in done.stderr, done.stderr)
    check_equal(Path("/etc/hosts").read_text(encoding="utf-8"), before)


@case
def the_same_record_twice_is_told_once():
    own = json.loads(json.dumps(LAB))
    field = {"record": "connection", "conn": "client", "field": "server.port"}
    own["checks"] = [{"id": "sent", "equal": [field, field]}, LAB["checks"][1]]
    done = lab(write_lab(json.dumps(own)), "--auto", "-o", "trace")
    check_equal(done.status, DONE, done.stdout + done.stderr)
    lib.validate("trace")
    found = next(r for r in records() if r["record"] == "check")
    check_equal(len(found["because"]), 1)


@case
def of_another_lab():
    record()
    done = lab("first-connection", "--check", "trace")
    check_equal(done.status, CHECK_FAILED, done.stdout)
    check("first-connection" in done.stdout and "lab own" in done.stdout, done.stdout)
    changed = json.loads(json.dumps(LAB))
    changed["version"] = 4
    write_lab(json.dumps(changed))
    check_equal(lab("./own/", "--check", "trace").status, CHECK_FAILED, "another version:")


@case
def of_what_is_no_trace():
    write_lab()
    Path("text").write_text("hello\n", encoding="utf-8")
    Path("empty").write_text("", encoding="utf-8")
    for name in ("text", "empty", "nowhere"):
        for arguments in ((), ("./own/",)):
            done = lab(*arguments, "--check", name)
            check_equal(done.status, FAILED, name)
            one_line(done.stderr, name)


@case
def of_a_trace_that_lost_events():
    record()
    lines = Path("trace").read_text(encoding="utf-8").splitlines()
    without = [line for line in lines if '"op":"send"' not in line and '"record":"check"' not in line]
    Path("altered").write_text("\n".join(without) + "\n", encoding="utf-8")
    check_equal(lab("./own/", "--check", "altered").status, CHECK_FAILED, "whole, and it is not there:")
    Path("cut").write_text("\n".join(without[:-1]) + "\n", encoding="utf-8")
    done = lab("./own/", "--check", "cut", "--result", "result")
    check_equal(done.status, CANNOT_TELL, done.stdout)
    check("the trace is cut" in done.stdout, done.stdout)
    end = json.loads(without[-1])
    end["lost"]["wire"] = 3
    Path("lossy").write_text("\n".join(without[:-1] + [json.dumps(end)]) + "\n", encoding="utf-8")
    check_equal(lab("./own/", "--check", "lossy").status, CANNOT_TELL, "events were lost:")


@case
def results_as_graders_read_them():
    record()

    def result(form, trace="trace"):
        done = lab("./own/", "--check", trace, "--result", "result", "--result-format", form)
        check(done.status in (DONE, CHECK_FAILED), done.stderr)
        return Path("result").read_text(encoding="utf-8")

    lines = [line for line in Path("trace").read_text(encoding="utf-8").splitlines() if '"op":"send"' not in line]
    Path("bad").write_text("\n".join(lines) + "\n", encoding="utf-8")

    told = json.loads(result("gradescope"))
    check_equal((told["score"], [(t["number"], t["score"], t["max_score"], t["status"]) for t in told["tests"]]),
                (4, [("sent", 3, 3, "passed"), ("normal", 1, 1, "passed")]))
    told = json.loads(result("gradescope", "bad"))
    check_equal([(t["score"], t["status"]) for t in told["tests"]], [(0, "failed"), (1, "passed")])
    check_equal(told["extra_data"]["tcplens"]["verdict"], "failed")

    told = json.loads(result("classroom", "bad"))
    check_equal((told["version"], told["status"], told["max_score"]), (1, "fail", 4))
    check_equal([t["status"] for t in told["tests"]], ["fail", "pass"])

    suite = xml.etree.ElementTree.fromstring(result("junit", "bad"))
    cases = list(suite.iter("testcase"))
    check_equal([bool(c.findall("failure")) for c in cases], [True, False])

    tap = result("tap", "bad").splitlines()
    check("1..2" in tap, tap)
    check_equal([line.split(" ")[0:2] for line in tap if line.startswith(("ok", "not"))], [["not", "ok"], ["ok", "2"]])

    told = json.loads(result("coderunner", "bad"))
    check_equal(told["fraction"], 0.25)
    check("prologuehtml" in told, told)

    out = lab("./own/", "--check", "trace", "--result", "-").stdout
    check_equal(json.loads(out)["score"], 4)


@case
def questions_for_moodle():
    write_lab()
    text = lab("./own/", "--export", "gift").stdout
    check_equal(text, "::own q::Does \\= it \\~ work? {\n  =Yes. #So it is.\n  ~No. #It does.\n}\n\n")


@case
def a_page_of_it():
    record()
    done = lab("./own/", "--auto", "--report", "page.html")
    check_equal(done.status, DONE, done.stderr)
    check("<!doctype html>" in Path("page.html").read_text(encoding="utf-8")[:200].lower(), "is no page")


# ---- predict, reveal, prove


@case
def asks_first():
    for answer, right, points in (("2\n", False, "4 of 6"), ("x\n1\n", True, "6 of 6"), ("yes\n", True, "6 of 6"), ("\n", None, "4 of 4")):
        done = lab(write_lab(), "-o", "trace", "--lang", "en", stdin=None, input=answer)
        check_equal(done.status, DONE, done.stderr)
        asked, shown = done.stdout.index("Your prediction"), done.stdout.index("✓")
        check(asked < shown, done.stdout)
        check(points in done.stdout, done.stdout)
        answers = [(r["question"], r["choice"], r.get("right", False)) for r in records() if r["record"] == "answer"]
        check_equal(answers, [] if right is None else [("q", "yes" if right else "no", right)])
        if right is not None:
            lab("./own/", "--check", "trace", "--result", "result", "--result-format", "classroom")
            told = json.loads(Path("result").read_text(encoding="utf-8"))
            check_equal((told["max_score"], sum(t["score"] for t in told["tests"])), (6, 6 if right else 4))
        check_equal("The trace shows it" in done.stdout, right is not None, done.stdout)
        check("That was it." in done.stdout, done.stdout)


# ---- nothing stays


def host():
    """What a lab must not change."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    settings = {str(p): p.read_text(encoding="utf-8") for p in Path("/proc/sys/net/ipv4").glob("tcp_*") if os.access(p, os.R_OK)}
    settings.pop("/proc/sys/net/ipv4/tcp_fastopen_key", None)
    return links, settings


def processes_now():
    """pid: (parent, start time, whether it is more than a zombie); a pid alone may be taken anew."""
    now = {}
    for each in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        now[int(each)] = int(fields[1]), fields[19], fields[0] != "Z"
    return now


def family(pid):
    """The process and all that came of it."""
    now, found = processes_now(), {pid}
    while more := {p for p, (parent, _, _) in now.items() if parent in found and p not in found}:
        found |= more
    return {(p, now[p][1]) for p in found}


def survivors(processes):
    now = processes_now()
    return [p for p, start in processes if p in now and now[p][1:] == (start, True)]


def ended_by(end):
    before = host()
    with subprocess.Popen([TCPLENS, "lab", "./waits/", "--auto", "-o", "trace"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        wait_for(lambda: os.path.exists("trace") and '"op":"connect"' in Path("trace").read_text(encoding="utf-8"),
                 "its first step")
        processes = family(process.pid)
        check(len(processes) >= 5, "of the lab:", processes)
        end(process, processes)
        told = process.communicate(timeout=60 * SLOWDOWN)[0]
    wait_for(lambda: not survivors(processes), "the end of all its processes")
    check_equal(host(), before)
    os.unlink("trace")
    return process.returncode, told


@case
def nothing_stays():
    waits = json.loads(json.dumps(LAB))
    waits["topology"] = "wire"
    waits["actors"]["client"]["steps"].insert(2, {"pause_ms": 100000})
    waits["time_limit_s"] = 120
    write_lab(json.dumps(waits), "waits")

    def child(process, processes):
        return next(p for p, _ in processes if p != process.pid and
                    Path(f"/proc/{p}/comm").read_text(encoding="utf-8") == "tcplens\n")

    status, told = ended_by(lambda process, _: os.kill(process.pid, signal.SIGKILL))
    check_equal(status, -signal.SIGKILL)
    status, told = ended_by(lambda process, all_of_it: os.kill(child(process, all_of_it), signal.SIGKILL))
    check_equal(status, FAILED, told)
    check("Killed" in told, told)
    status, told = ended_by(lambda process, all_of_it: [os.kill(p, signal.SIGINT) for p in (process.pid, child(process, all_of_it))])
    check_equal(status, CANNOT_TELL, told)
    check("interrupted" in told, told)


if __name__ == "__main__":
    sys.exit(lib.run_cases(sys.argv[1:], around=lib.own_directory))
