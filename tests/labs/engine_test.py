#!/usr/bin/env python3
"""tcplens lab as a command: what it lists and refuses, what graders get of it, and that nothing stays of it.

Usage: engine_test.py [CASE]...     with the programs' paths in the environment, as TCPLENS and ECHO
"""
import base64
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import xml.etree.ElementTree
from pathlib import Path

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import (NOBODY, REPOSITORY, SLOWDOWN, TCPLENS, Skip, case, check, check_equal, one_line, read_of, stat_of,
                 status_of, wait_for)

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
    if done.status == CANNOT_TELL:  # an event was lost
        print(f"     again: {[r for r in records() if r['record'] == 'gap']}", flush=True)
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
            (["first-connection", "--check", "x", "--timeline"], "--check")):
        done = lab(*arguments)
        check_equal(done.status, USAGE, arguments)
        one_line(done.stderr, *parts)


@case
def names_the_line_and_the_field():
    good = json.dumps(LAB, indent=1).split("\n")
    line_of = {key: 1 + next(i for i, text in enumerate(good) if f'"{key}"' in text) for key in ("topology", "listen", "outcome")}
    line_of["silent"] = next(i for i, text in enumerate(good) if '"silent"' in text)  # its object begins a line above
    text = "\n".join(good)
    for change, *parts in (
            (text.replace('"topology"', '"topologie"'), f"line {line_of['topology']}: topologie", "did you mean 'topology'"),
            (text.replace('"lo"', '"loo"'), f"line {line_of['topology']}: topology", "lo"),
            (text.replace('"listen"', '"lisen"'), f"line {line_of['listen']}: actors.server.steps.0", "did you mean 'listen'"),
            (text.replace('"outcome"', '"outcomes"'), f"line {line_of['outcome']}: checks.1", "did you mean 'outcome'"),
            (text.replace('"closed-normally"', "closed"), "line "),
            (text.replace('"connect": "server"', '"connect": "sever"'), "actors.client.steps.1", "did you mean 'server'"),
            (text.replace('"conn": "client"', '"conn": "clint"'), "clint"),
            (text.replace('"$port"', '"$prt"'), "actors.server.steps.0.port", "$prt"),
            (text.replace('"fails": [\n    "sent"', '"fails": [\n    "seen"'), "seen"),
            (text.replace('"record": "listener"', '"record": "lisener"'), "actors.client.steps.0", "did you mean 'listener'"),
            (text.replace('"verdict"', '"verdit"'), "did you mean 'verdict'"),
            (text.replace('"actors.client.steps.2"', '"actors.cliet.steps.2"'), f"line {line_of['silent']}: mutations.0", "actors.cliet.steps.2"),
            (text.replace('"actors.client.steps.2"', '"actors.client.steps.x"'), "mutations.0", "leads nowhere"),
            (text.replace('"actors.client.steps.2": null', '"topologie": "lo"'), "mutations.0: with it, topologie", "did you mean 'topology'"),
            ("", "line 1"), ("[]", "object"), ("{", "line 1")):
        done = lab(write_lab(change), "--auto")
        check_equal(done.status, FAILED, done.stdout + done.stderr)
        one_line(done.stderr, "./own/", *parts)


@case
def what_is_missing_is_told_before_it_asks():
    def drop():
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    os.chmod(".", 0o755)
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o755)
        program = shutil.copy(TCPLENS, home)
        for name in ("tutorial-epoll", "models"):
            done = subprocess.run([program, "lab", name], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                                  timeout=120 * SLOWDOWN, preexec_fn=drop)
            check_equal((done.returncode, done.stdout), (3, ""), name)
            one_line(done.stderr, "needs root")


@case
def mutations_are_judged():
    own = json.loads(json.dumps(LAB))
    own["actors"]["client"]["steps"][1:] = [{"connect": "server"}, {"send": "$message"}, {"close": {}}]
    silent = {"actors.client.steps.2": None}
    own["mutations"] = [{"id": "all", "set": silent, "fails": ["sent"]}, {"id": "none", "set": silent, "fails": ["normal"]},
                        {"id": "more", "set": {"actors.client.steps.2": {"abort": {}}}, "fails": ["sent"]}]
    folder = write_lab(json.dumps(own))
    done = lab(folder, "--auto", "--mutation", "all")
    check_equal(done.status, CHECK_FAILED, done.stdout + done.stderr)
    check("fails as promised: sent\n" in done.stdout and "also fails" not in done.stdout, done.stdout)
    done = lab(folder, "--auto", "--mutation", "more")
    check_equal(done.status, CHECK_FAILED, done.stdout + done.stderr)
    check("also fails: normal\n" in done.stdout, done.stdout)
    done = lab(folder, "--auto", "--mutation", "none")
    check_equal(done.status, FAILED, done.stdout)
    check("should fail, and passes: normal\n" in done.stdout, done.stdout)
    one_line(done.stderr, "mutation none", "does not fail")


@case
def words_of_a_closed_list():
    def fault(pattern, *parts):
        own = json.loads(json.dumps(LAB))
        own["checks"][1] = {"id": "normal"} | pattern
        done = lab(write_lab(json.dumps(own)), "--auto")
        check_equal(done.status, FAILED, done.stdout)
        one_line(done.stderr, "checks.1", *parts)

    state = {"record": "state", "conn": "client"}
    fault({"exists": state | {"to": "FINWAIT2"}}, 'no to is called "FINWAIT2"', "did you mean 'FIN-WAIT-2'")
    fault({"exists": state | {"to": "CLOSED|TIMEWAIT"}}, "did you mean 'TIME-WAIT'")
    fault({"none": state | {"from": {"not": "LISTENN"}}}, "did you mean 'LISTEN'")
    fault({"exists": state | {"source": "kernel|dig"}}, "did you mean 'diag'")
    fault({"exists": {"record": "segment", "conn": "client", "flags": ["SYN", "AKC"]}}, "AKC")
    fault({"exists": {"record": "segment", "conn": "client", "notes": "retransmision"}}, "did you mean 'retransmission'")
    fault({"exists": {"record": "lab", "op": "recveof"}}, "did you mean 'recv_eof'")
    fault({"exists": {"record": "lab", "actor": "sever"}}, "did you mean 'server'")
    fault({"exists": state | {"conn": "clint"}}, "did you mean 'client'")
    fault({"outcome": {"conn": "client", "verdict": "refusd"}}, "did you mean 'refused'")
    fault({"outcome": {"conn": "client", "final.client": "CLOSD"}}, "did you mean 'CLOSED'")
    fault({"path": {"conn": "client", "end": "client", "source": "wire", "states": ["SYN_SENT"]}}, "did you mean 'SYN-SENT'")


@case
def guides_word_all_and_nothing_else():
    folder = write_lab()
    line_of = {text: 1 + GUIDE.split("\n").index(text) for text in ("## sent", "- no: No.")}
    for old, new, *parts in (
            ("## sent", "## snet", f"line {line_of['## sent']}", "snet", "did you mean 'sent'"),
            ("- no: No.", "- nо: No.", f"line {line_of['- no: No.']}", "no choice called"),  # a letter that looks like o
            ("- no: No.\n  It does.\n", "", "## q", "- no: …"), ("## after\nThat was it.\n", "", "## after"),
            ("The word is sent.\n", "", "## sent"), ("# Of its own", "Of its own", "line 1", "title")):
        for language in ("en", "zh"):
            check(old in GUIDE, old)
            write_lab()
            Path(f"own/guide.{language}.md").write_text(GUIDE.replace(old, new), encoding="utf-8")
            for run_as in ("en", "zh"):
                done = lab(folder, "--auto", "--lang", run_as)
                check_equal(done.status, FAILED, done.stdout)
                one_line(done.stderr, f"./own/guide.{language}.md: ", *parts)
    write_lab()
    listed = GUIDE.replace("That was it.", "That was it:\n\n- one: and\n- two: more")
    Path("own/guide.en.md").write_text(listed, encoding="utf-8")
    check_equal(lab(folder, "--export", "gift").status, DONE, "a list elsewhere is no choice:")


@case
def names_of_labs():
    one_line(lab("accept").stderr, "accept-is-late, accept-queue-full")
    check_equal(lab("refused/", "--export", "gift").stdout, lab("refused", "--export", "gift").stdout)
    one_line(lab("accept").stderr, "accept-is-late, accept-queue-full, defer-accept")
    one_line(lab("./nowhere//").stderr, "./nowhere/lab.json")
    one_line(lab("refused", "--mutation", "x").stderr, "there is listens, not-cut")


@case
def what_a_terminal_obeys_is_refused():
    """In lab.json, however it is written, and in either guide: with the file, the line, and what stands there."""
    record()
    for obeyed in "\x1b[2J", "\x9b2J", "\u202e":
        begins = f"0x{obeyed.encode()[0]:02x}"
        for escaped in True, False:
            own = json.loads(json.dumps(LAB))
            own["actors"]["other"] = {"at": "client", "run": [f"./{obeyed}"]}
            done = lab(write_lab(json.dumps(own, indent=1, ensure_ascii=escaped)), "--auto", "-o", "trace", "--force")
            check_equal((done.status, done.stdout), (FAILED, ""))
            one_line(done.stderr, "./own/lab.json: line ", "actors.other.run.0", begins)
        for language in "en", "zh":
            folder = write_lab()
            Path(folder, f"guide.{language}.md").write_text(GUIDE.replace("Yes.", f"Yes{obeyed}."), encoding="utf-8")
            for arguments in ("--auto", "-o", "trace", "--force"), ("--check", "trace"):
                done = lab(folder, *arguments)
                check_equal((done.status, done.stdout), (FAILED, ""))
                line = 1 + GUIDE[:GUIDE.index("Yes.")].count("\n")
                one_line(done.stderr, f"./own/guide.{language}.md: line {line}: ", begins)


@case
def time_wait_may_end():
    """A FIN that was sent again, and its acknowledgment that met no socket, end TIME-WAIT: no other path."""
    own = json.loads(json.dumps(LAB))
    ways = {"client": ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]}
    own["actors"]["client"]["steps"].append({"wait": {"record": "state", "conn": "client", "end": "server", "to": "CLOSED"}})
    own["checks"][1] = {"id": "normal", "path": {"conn": "client", "end": "client", "source": "wire", "states": ways["client"]}}
    done = lab(write_lab(json.dumps(own)), "--auto", "-o", "trace")
    check_equal(done.status, DONE, done.stdout + done.stderr)
    lines = Path("trace").read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if '"to":"TIME-WAIT"' in line and '"source":"wire"' in line)
    closed = json.loads(lines[at]) | {"from": "TIME-WAIT", "to": "CLOSED"}
    lines.insert(len(lines) - 1, json.dumps(closed | {"n": len(lines), "t": json.loads(lines[-1])["t"]}))
    Path("reset").write_text("\n".join(lines) + "\n", encoding="utf-8")
    check_equal(lab("./own/", "--check", "reset").status, DONE)
    for states in (ways["client"][:-1], [*ways["client"], "ESTABLISHED"]):
        own["checks"][1]["path"]["states"] = states
        write_lab(json.dumps(own))
        check_equal(lab("./own/", "--check", "reset").status, CHECK_FAILED, states)


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
    own["checks"][1] = {"id": "normal", "exists": {"record": "listener"}}  # the echo is left unread
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
        done = lab("./own/", "--check", trace, "--auto", "--result", "result", "--result-format", form)
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

    done = lab("./own/", "--check", "trace", "--result", "-")
    check_equal((json.loads(done.stdout)["score"], done.stderr), (4, ""))


@case
def what_can_be_had_is_the_same_for_all():
    """Whoever answers nothing, or wrong, has less than who answers right; and nobody more than all."""
    record("--student", "s1")
    lines = Path("trace").read_text(encoding="utf-8").splitlines()
    said = {choice: json.dumps({"record": "answer", "n": len(lines), "t": 1, "question": "q", "choice": choice, "right": True})
            for choice in ("yes", "no")}

    def fraction(*more, options=()):
        Path("handed-in").write_text("\n".join([*lines[:-1], *more, lines[-1]]) + "\n", encoding="utf-8")
        done = lab("./own/", "--check", "handed-in", "--result", "-", "--result-format", "coderunner", *options)
        return json.loads(done.stdout)["fraction"]

    check_equal([fraction(), fraction(said["no"]), fraction(said["yes"])], [4 / 6, 4 / 6, 1])
    check_equal(fraction(said["no"], said["yes"]), 4 / 6, "the first answer is what counts:")
    check_equal(fraction(said["yes"], said["yes"]), 1, "and once:")
    check_equal([fraction(said["no"], options=["--auto"]), fraction(options=["--auto"])], [1, 1], "checks alone:")
    done = lab("./own/", "--check", "handed-in", "--result", "result")
    told = json.loads(Path("result").read_text(encoding="utf-8"))
    check_equal([(t["number"], t["output"], t["status"]) for t in told["tests"]][-1], ("q", "not answered", "failed"))

    fraction(said["yes"])  # and somebody else hands it in
    done = lab("./own/", "--check", "handed-in", "--student", "s2", "--lang", "en", "--result", "result")
    told = json.loads(Path("result").read_text(encoding="utf-8"))
    check_equal((done.status, told["score"], [t["number"] for t in told["tests"]]), (CHECK_FAILED, 0, ["lab"]))
    check("0 of 6 points" in done.stdout and "So it is." not in done.stdout, done.stdout)
    check_equal(fraction(said["yes"], options=["--student", "s2"]), 0)


@case
def a_result_there_always_is():
    write_lab()
    files = {"text": "hello\n", "empty": "", "object": "{}\n", "nowhere": None,
             "no-lab": '{"record":"header","n":0,"t":0,"format":"tcplens-trace","version":1}\n'}
    for name, text in files.items():
        if text is not None:
            Path(name).write_text(text, encoding="utf-8")
        for arguments in ((), ("./own/",)):
            if name == "no-lab" and arguments:
                continue
            Path("result").unlink(missing_ok=True)
            done = lab(*arguments, "--check", name, "--result", "result")
            check_equal(done.status, FAILED, name)
            told = json.loads(Path("result").read_text(encoding="utf-8"))
            said = done.stderr.strip().removeprefix("tcplens: ")
            check_equal(told["score"], 0)
            check(told["output"].endswith(said) and said in told["tests"][0]["output"], said, told)
            for form in ("classroom", "junit", "tap", "coderunner"):
                lab(*arguments, "--check", name, "--result", "result", "--result-format", form)
                shown = Path("result").read_text(encoding="utf-8")
                check(name in shown, form, shown)
                check(form != "coderunner" or json.loads(shown)["fraction"] == 0, shown)


@case
def rights_end_before_a_strangers_trace_is_read():
    record()
    for arguments in (), ("./own/",):
        os.mkfifo("handed-in")
        with subprocess.Popen([TCPLENS, "lab", *arguments, "--check", "handed-in", "--result", "result", "-q"], stderr=subprocess.PIPE,
                              text=True) as process, open("handed-in", "w", encoding="utf-8") as writer:
            wait_for(lambda: status_of(process.pid)["Seccomp"] == "2", "its list of system calls")
            status = status_of(process.pid)
            check_equal(int(status["CapPrm"], 16), 0)
            check("\t0\t" not in f"\t{status['Uid']}\t", status["Uid"])
            writer.write(Path("trace").read_text(encoding="utf-8"))
            writer.close()
            told = process.communicate(timeout=60 * SLOWDOWN)[1]
        # it is of a folder, which the trace cannot name
        check_equal(process.returncode, DONE if arguments else FAILED, told)
        os.unlink("handed-in")


@case
def a_trace_in_a_pipe_says_what_it_is_of():
    check_equal(lab("first-connection", "--auto", "-q", "-o", "of-ours").status, DONE)
    with open("of-ours", "rb") as trace:
        done = lab("--check", "-", "--auto", stdin=trace)
    check_equal(done.status, DONE, done.stderr + done.stdout)


def write_trace(name, *records):
    header = {"record": "header", "format": "tcplens-trace", "version": 1, "start": "2026-01-01T00:00:00.000000000Z",
              "kernel": "6.1\x1b[2J", "sources": []}
    with open(name, "wb") as file:
        for n, record in enumerate([header, *records]):
            file.write(json.dumps({"n": n, "t": 0, **record}).encode().replace(b"BROKEN", b"\xe4\xbd") + b"\n")


def grades(name, *arguments):
    """What is said of the trace, in which nothing is that a terminal obeys, and its result."""
    Path("result").unlink(missing_ok=True)
    done = lab(*arguments, "--check", name, "--result", "result")
    check(printable(done.stdout) and printable(done.stderr), done.stdout, done.stderr)
    return done, json.loads(Path("result").read_text(encoding="utf-8"))


def printable(text):
    return not re.search("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@case
def a_trace_does_not_say_which_folder_is_read():
    write_lab()
    for name in "./own/", "\x1b[2J", "first-conection":
        write_trace("made-up", {"record": "lab", "lab": name})
        done, told = grades("made-up")
        check_equal(done.status, FAILED, done.stderr)
        one_line(done.stderr, "made-up is of a lab '", "name its folder")
        check_equal((told["score"], told["tests"][0]["status"]), (0, "failed"), told)


@case
def what_a_stranger_wrote_is_obeyed_nowhere():
    hostile = "\x1b[2J\u202eBROKEN\x9b " + "\u4f5c" * 200
    for student, values in ((hostile, {}), ("s1", {"port": hostile, "word": hostile})):
        write_trace("made-up", {"record": "lab", "lab": "first-connection", "version": 1, "student": student, "values": values})
        for arguments in ((), ("first-connection",), ("first-connection", "--student", "s1")):
            done, told = grades("made-up", *arguments)
            check_equal((done.status, told["score"]), (CHECK_FAILED, 0), done.stderr)
            check(printable(json.dumps(told, ensure_ascii=False)), told)
            for form in "junit", "tap", "classroom", "coderunner":
                lab(*arguments, "--check", "made-up", "--result", "result", "--result-format", form)
                check(printable(Path("result").read_text(encoding="utf-8")), form)
    name = "\u4f5c\u4e1a" * 30 + ".ndjson"
    for text in None, "", "x":
        if text is not None:
            Path(name).write_text(text, encoding="utf-8")
        grades(f"./{name}", "first-connection")
    done = lab("first-connection", "--student", "s\x1b[2J", "--auto")
    check_equal(done.status, USAGE)


@case
def damaged_lines_do_not_make_a_trace_somebody_elses():
    done = lab("first-connection", "--auto", "-q", "--student", "s1", "-o", "trace")
    check_equal(done.status, DONE, done.stderr)
    lines = Path("trace").read_text(encoding="utf-8").splitlines()
    for between in "", "{{{", "\0":
        Path("damaged").write_text("\n".join(["", lines[0], between, *lines[1:]]) + "\n", encoding="utf-8")
        for arguments in (), ("first-connection",), ("--student", "s1"):
            done, told = grades("damaged", *arguments, "--auto")
            check_equal(done.status, DONE, f"{between!r} {done.stdout} {done.stderr}")
    for text in "\n}", "\n\n", "\n{}\n" + "\n".join(lines):
        Path("no-trace").write_text(text, encoding="utf-8")
        check_equal(grades("no-trace", "first-connection")[0].status, FAILED, repr(text[:10]))


@case
def a_page_that_cannot_be_written_does_not_keep_the_result():
    done = lab("first-connection", "--auto", "-q", "--report", "none/page.html", "--result", "result")
    check_equal(done.status, FAILED)
    check("none/page.html" in done.stderr, done.stderr)
    told = json.loads(Path("result").read_text(encoding="utf-8"))
    check_equal(told["extra_data"]["tcplens"]["verdict"], "passed", told)


@case
def what_goes_nowhere_with_check():
    write_lab()
    Path("trace").write_text("x", encoding="utf-8")
    for arguments in ("--serve", "0"), ("--export", "gift"), ("-w", "f.pcapng"), ("--report", "r.html"):
        check_equal(lab("./own/", "--check", "trace", *arguments).status, USAGE, arguments)
    one_line(lab("./own/", "--check", "trace", "--result", "trace").stderr, "it is what is read")
    os.unlink("own/lab.json")
    os.mkfifo("own/lab.json")
    done = lab("./own/", "--check", "trace")
    check_equal(done.status, FAILED)
    one_line(done.stderr, "should be a file")


@case
def what_cannot_be_told_fails_nobody():
    record()
    lines = [line for line in Path("trace").read_text(encoding="utf-8").splitlines() if '"op":"send"' not in line]
    end = json.loads(lines[-1])
    end["reason"] = "interrupt"
    Path("broken-off").write_text("\n".join([*lines[:-1], json.dumps(end)]) + "\n", encoding="utf-8")
    done = lab("./own/", "--check", "broken-off", "--auto", "--result", "result")
    check_equal(done.status, CANNOT_TELL, done.stdout)
    told = json.loads(Path("result").read_text(encoding="utf-8"))
    check("the lab was interrupted" in told["output"] and "run it again" in told["output"], told)
    sent, normal = told["tests"]
    check_equal([key for key in ("score", "max_score", "status") if key in sent], [])
    check(sent["output"].startswith("cannot be told: "), sent)
    check_equal((normal["status"], told["score"]), ("passed", 1))


@case
def prose_stays_out_of_what_a_program_reads():
    for arguments, reads in ((["--result", "-", "--result-format", "tap"], lambda out: check(out.startswith("TAP version 13\n1..2\nok 1"), out)),
                             (["--result", "-"], json.loads),
                             (["-o", "-"], lambda out: [json.loads(line) for line in out.splitlines()])):
        done = lab(write_lab(), *arguments, "--lang", "en")
        check_equal(done.status, DONE, done.stderr)
        reads(done.stdout)
        check("Your prediction" in done.stderr and "4 of 6 points" in done.stderr, done.stderr)


@case
def questions_for_moodle():
    write_lab()
    text = lab("./own/", "--export", "gift").stdout
    begin, *choices, end = text.splitlines()[:-1]
    check_equal((begin, sorted(choices), end), ("::own q::Does \\= it \\~ work? {", ["  =Yes. #So it is.", "  ~No. #It does."], "}"))


@case
def choices_have_an_order_of_the_student_s():
    own = json.loads(json.dumps(LAB))
    own["questions"][0]["choices"] = ["yes", "no", "maybe"]
    folder = write_lab(json.dumps(own))
    for language in ("en", "zh"):
        Path(f"own/guide.{language}.md").write_text(GUIDE.replace("- no:", "- maybe: It may.\n- no:"), encoding="utf-8")

    def order(*arguments):
        shown = lab(folder, "--quiet", "--export", "gift", *arguments).stdout
        return tuple(line[3:].split(" #")[0] for line in shown.splitlines() if line[:3] in ("  =", "  ~"))

    orders = {student: order("--student", student) for student in (f"s{i}" for i in range(40))}
    check_equal({tuple(sorted(o)) for o in orders.values()}, {("It may.", "No.", "Yes.")})
    check(len(set(orders.values())) >= 5, "orders of 40 students:", orders)
    check_equal(orders["s7"], order("--student", "s7"), "drawn again:")
    asked = lab(folder, "--student", "s7", "--lang", "en", "--report", "page.html").stdout.splitlines()
    check_equal(tuple(line[5:] for line in asked if line[:4] in ("  1)", "  2)", "  3)")), orders["s7"], "at the terminal:")
    page = base64.b64decode(re.search(r'id="lab">([^<]*)<', Path("page.html").read_text(encoding="utf-8"))[1])
    ids = {"It may.": "maybe", "No.": "no", "Yes.": "yes"}
    check_equal(json.loads(page)["questions"][0]["choices"], [ids[o] for o in orders["s7"]], "in the page:")


@case
def the_answers_stand_anywhere():
    places = []
    for name in lab("--list", "--names").stdout.split():
        for question in lab(name, "--export", "gift").stdout.split("::")[2::2]:
            places.append([line[2] for line in question.splitlines() if line[:3] in ("  =", "  ~")].index("="))
    check(len(places) > 50, places)
    for place in (0, 1, 2):
        check(places.count(place) < len(places) / 2, f"the right answer is number {place + 1} too often:", places)


@case
def a_page_of_it():
    record()
    done = lab("./own/", "--auto", "--report", "page.html")
    check_equal(done.status, DONE, done.stderr)
    check("<!doctype html>" in Path("page.html").read_text(encoding="utf-8")[:200].lower(), "is no page")


# ---- predict, reveal, prove


@case
def asks_first():
    shown = re.findall(r"^  (\d)\) (Yes|No)\.$", lab(write_lab(), "--lang", "en").stdout, re.M)
    number = {word: n for n, word in shown}
    for answer, right, points in ((f"{number['No']}\n", False, "4 of 6"), (f"x\n{number['Yes']}\n", True, "6 of 6"),
                                  ("yes\n", True, "6 of 6"), ("\n", None, "4 of 6")):
        done = lab(write_lab(), "-o", "trace", "--lang", "en", stdin=None, input=answer)
        check_equal(done.status, DONE, done.stderr)
        asked, shown = done.stdout.index("Your prediction"), done.stdout.index("✓")
        check(asked < shown, done.stdout)
        check(points in done.stdout, done.stdout)
        sent = next(r for r in records() if r.get("op") == "send")
        proof = done.stdout.split("✓ The word is sent.\n")[1].split("\n")[0]
        check(re.match(rf" +{sent['t'] // 1000 / 1e6:.6f} .*client: send {sent['text']}", proof), proof, sent)
        answers = [(r["question"], r["choice"], r.get("right", False)) for r in records() if r["record"] == "answer"]
        check_equal(answers, [] if right is None else [("q", "yes" if right else "no", right)])
        if right is not None:
            lab("./own/", "--check", "trace", "--result", "result", "--result-format", "classroom")
            told = json.loads(Path("result").read_text(encoding="utf-8"))
            check_equal((told["max_score"], sum(t["score"] for t in told["tests"])), (6, 6 if right else 4))
        check_equal("The trace shows it" in done.stdout, right is not None, done.stdout)
        check("That was it." in done.stdout, done.stdout)


@case
def what_is_too_fast_for_the_wire_is_told():
    own = json.loads(json.dumps(LAB))
    own["topology"] = "wire"
    own["sysctl"] = {"net.ipv4.tcp_syncookies": 0}
    own["actors"] = {"server": {"at": "server", "steps": [{"pause_ms": 1}]},
                     "client": {"at": "client", "steps": [{"syns": 1500, "to": "server", "port": "$port"},
                                                    {"connect": "server"}]}}  # is answered behind all of them
    own["questions"], own["checks"] = [], [{"id": "sent", "exists": {"record": "segment", "from": "client"}}]
    own["mutations"] = []
    write_lab(json.dumps(own))
    for language in ("en", "zh"):
        Path(f"own/guide.{language}.md").write_text("# Fast\n\nFast.\n\n## sent\nSent.\n\n## after\nThat was it.\n",
                                                    encoding="utf-8")
    done = lab("./own/", "--auto", "-o", "trace")
    check(done.status in (DONE, CANNOT_TELL), done.stdout + done.stderr)
    # each SYN meets a closed port; a frame that was not seen was not handed on, and not answered. That of connect()
    # may be lost too, and comes again
    answers = [r for r in records() if r["record"] == "segment" and "RST" in r["flags"]]
    gaps = [r for r in records() if r["record"] == "gap"]
    total = len(answers) + sum(r["lost"] for r in gaps)
    check(total == 1501 or gaps and 1501 < total <= 1504, total, gaps)


@contextlib.contextmanager
def served(*arguments):
    """A lab whose page is served: the process, the page's address with its token, and how to stop it."""
    with subprocess.Popen([TCPLENS, "lab", write_lab(), "--serve", "0", "--lang", "en", "-o", "trace", *arguments], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            told = process.stderr.readline()
            yield process, urllib.parse.urlsplit(re.fullmatch(r"tcplens: viewer: (\S+)\n", told).group(1))
            processes = family(process.pid)
            for pid, _ in processes - {(process.pid, processes_now()[process.pid][1])}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)  # as Ctrl-C in a terminal
            process.stdout.read()
        finally:
            process.kill()


def fetch(url, path):
    with urllib.request.urlopen(url._replace(path=path).geturl(), timeout=60 * SLOWDOWN) as answer:
        return answer.read().decode()


def begin_and_ask(begin):
    """What a terminal and the trace have, of a lab that begins by begin(url, process)."""
    Path("trace").unlink(missing_ok=True)
    with served() as (process, url):
        check("the lab begins when the page is open" in process.stderr.readline(), "held")
        check("<html" in fetch(url, "/"), "the page")
        check_equal(Path("trace").read_bytes(), b"", "before anybody looks on")
        begin(url, process)
        points = process.stdout.readline()
        wait_for(lambda: '"record":"end"' in Path("trace").read_text(encoding="utf-8"), "the end of the trace")
    check_equal([r for r in records() if r["record"] == "answer"], [])
    check_equal(points, "4 of 4 points\n", "and no proof, which would answer what the page asks")


@case
def a_lab_in_the_browser_waits_for_it():
    begin_and_ask(lambda url, _: check("event: end" in fetch(url, "/events"), "its records"))


@case
def or_for_enter():
    def press(_, process):
        process.stdin.write("\n")
        process.stdin.flush()

    begin_and_ask(press)


@case
def who_asks_nothing_waits_for_nobody():
    with served("--auto") as (process, _):
        check("✓" in process.stdout.readline(), "its checks")


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
        if fields := stat_of(each):
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


def ended_by(end, *before_it, arguments=()):
    before = host()
    with subprocess.Popen([*before_it, TCPLENS, "lab", "./waits/", "--auto", "-o", "trace", *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process, contextlib.ExitStack() as stack:
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
def what_cannot_start_leaves_no_file():
    write_lab()
    done = lab("./own", "--auto", "-q", "-o", "trace", "--result", "result",
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16)))
    check_equal(done.status, FAILED, done.stderr)
    one_line(done.stderr, "Too many open files")
    check_equal(os.listdir("."), ["own"])


def write_lab_that_waits():
    waits = json.loads(json.dumps(LAB))
    waits["topology"] = "wire"
    waits["actors"]["client"]["steps"].insert(2, {"pause_ms": 100000})
    waits["time_limit_s"] = 120
    write_lab(json.dumps(waits), "waits")


def called(name, processes):
    return next(p for p, _ in processes if read_of(p, "comm") == f"{name}\n")


def tracer_of(process, processes):
    return called("tcplens", [p for p in processes if p[0] != process.pid])


def interrupt(process, processes):
    """As Ctrl-C in a terminal."""
    for pid in process.pid, tracer_of(process, processes):
        os.kill(pid, signal.SIGINT)


def with_the_first_stopped(end):
    """How ended_by() is to end it while the first process of the lab is stopped; and whose number comes to be known."""
    stopped = []

    def stop(process, processes):
        stopped.append(called("lab", processes))
        os.kill(stopped[0], signal.SIGSTOP)
        end(process, processes)
        process.wait(60 * SLOWDOWN)
        os.kill(stopped[0], signal.SIGCONT)

    return stop, stopped


@case
def nothing_stays():
    write_lab_that_waits()
    status, told = ended_by(lambda process, _: os.kill(process.pid, signal.SIGKILL))
    check_equal(status, -signal.SIGKILL)
    status, told = ended_by(lambda process, all_of_it: os.kill(tracer_of(process, all_of_it), signal.SIGKILL))
    check_equal(status, FAILED, told)
    check("Killed" in told, told)
    status, told = ended_by(interrupt)
    check_equal(status, CANNOT_TELL, told)
    check("interrupted" in told, told)


@case
def who_is_told_to_end_judges_what_there_is():
    write_lab_that_waits()
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        status, told = ended_by(lambda process, _: os.kill(process.pid, number), arguments=("--result", "result"))
        check_equal(status, CANNOT_TELL, told)
        check("the lab was interrupted" in Path("result").read_text(encoding="utf-8"), told)


@case
def a_lab_without_its_processes_is_over():
    write_lab_that_waits()
    for name in "lab", "wire":
        status, told = ended_by(lambda process, all_of_it: os.kill(called(name, all_of_it), signal.SIGKILL))
        check_equal(status, CANNOT_TELL, told)
        check("the lab is broken off" in told, told)


@case
def who_waits_for_the_tracer_waits_for_nobody_else():
    write_lab_that_waits()
    kill, _ = with_the_first_stopped(lambda process, all_of_it: os.kill(tracer_of(process, all_of_it), signal.SIGKILL))
    status, told = ended_by(kill)
    check_equal(status, FAILED, told)


@case
def nor_where_the_tracer_may_signal_nobody():
    if os.geteuid() != 0:
        raise Skip("needs root: anybody else may signal what they run, which is tested above")
    write_lab_that_waits()
    without = "setpriv", "--bounding-set=-kill", "--inh-caps=-kill", "--"
    status, told = ended_by(interrupt, *without)
    check_equal(status, CANNOT_TELL, told)
    status, told = ended_by(lambda process, _: os.kill(process.pid, signal.SIGKILL), *without)
    check_equal(status, -signal.SIGKILL)
    status, told = ended_by(lambda process, all_of_it: os.kill(tracer_of(process, all_of_it), signal.SIGKILL), *without)
    check_equal(status, FAILED, told)


@case
def processes_that_go_on_are_told():
    write_lab_that_waits()
    stop, stopped = with_the_first_stopped(interrupt)
    status, told = ended_by(stop)
    check_equal(status, CANNOT_TELL, told)
    check(f"the first of them, process {stopped[0]}, does not end" in told, told)


if __name__ == "__main__":
    sys.exit(lib.run_cases(sys.argv[1:], around=lib.own_directory))
