#!/usr/bin/env python3
"""Tests of the command line as such: --help and the manual name the same options, with the same words for their values;
completion offers them; and a slip of the finger is met with what was probably meant.

TCPLENS and ECHO name the programs. Needs no right and no network. Completion is tried in bash; where they are,
zsh parses its script, and fish is tried too.
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import (Skip, case, check_equal, children_of, has_ended, one_line, own_directory, read, run_cases, tcplens, wait_for,
                 write)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ECHO = os.environ["ECHO"]
CAPTURE = os.path.join(ROOT, "docs", "sample.pcap")
OPTION = re.compile(r"^  (?:-(\w),|   ) --([\w-]+)(?: (\S+))?", re.M)
# Left out of the manual's sections: what each command has.
EVERYWHERE = {"help", "version"}


def run(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def commands_of(program):
    listed = re.search(r"Commands:\n((?:  .*\n)+)", run(program, "--help")[1])[1]
    return re.findall(r"^  ([\w-]+) ", listed, re.M)


def helped(program, command):
    """{option: (letter, what its value is called)} of --help."""
    text = run(program, command, "--help")[1]
    return {name: (letter, value) for letter, name, value in OPTION.findall(text) if name not in EVERYWHERE}


def plain(name):
    """A manual page as text, and its lines."""
    path = os.path.join(ROOT, "docs", "man", name)
    done = subprocess.run(["groff", "-mandoc", "-Tascii", "-P-bcou", "-rLL=400n", path], capture_output=True, text=True,
                          check=True)
    return done.stdout.splitlines()


def manual(page, program):
    """{command: {option: (letter, value)}}: the entries of each command's section."""
    commands, found, here = commands_of(program), {}, None
    for line in plain(page):
        section = re.fullmatch(r" {1,4}([\w-]+)", line)
        if section or re.match(r"\S", line):
            here = section[1] if section and section[1] in commands else None
        entry = re.match(r" {5,10}(?:-(\w), )?--([\w-]+)(?: (\S+))?(?: {2,}.*)?$", line)
        if here and entry:
            found.setdefault(here, {})[entry[2]] = (entry[1] or "", entry[3] or "")
    return found


def named(page):
    """Every option that stands anywhere in a page, but those of other programs."""
    text = "\n".join(plain(page))
    return set(re.findall(r"(?<![\w-])--([a-z][\w-]*)", text))


def check_manual(page, program):
    described, known = manual(page, program), set(EVERYWHERE)
    for command in commands_of(program):
        entries = described.get(command, {})
        options = helped(program, command)
        known |= set(options)
        for name, told in options.items():
            # an option of two commands is described at one of them
            at = entries.get(name) or next((s[name] for s in described.values() if name in s), None)
            assert at, f"{page}: --{name} of {command} is not described"
            assert at == told, f"{page}: --{name} of {command} is described as {at}, --help has {told}"
        for name in entries:
            assert name in options, f"{page}: {command} has no --{name}"
    assert len(known) > 8, known
    assert named(page) <= known, f"{page} names what there is not: {named(page) - known}"


@case
def manual_of_tcplens():
    check_manual("tcplens.1", os.environ["TCPLENS"])


@case
def manual_of_echo():
    check_manual("tcplens-echo.1", ECHO)


@case
def manual_of_each_command():
    """Made of its section: what is installed beside the whole."""
    program, folder = os.environ["TCPLENS"], os.path.join(ROOT, "docs", "man")
    for command in commands_of(program):
        page = subprocess.run(["awk", "-v", f"name={command}", "-v", "summary=what it does", "-f", f"{folder}/command.awk",
                               f"{folder}/tcplens.1"], capture_output=True, text=True, check=True).stdout
        shown = subprocess.run(["groff", "-man", "-Tascii", "-P-bcou", "-ww", "-rLL=400n"], input=page, capture_output=True,
                               text=True, check=True)
        assert not shown.stderr, (command, shown.stderr)
        assert f"tcplens {command}" in shown.stdout and f"tcplens-{command} - what it does" in shown.stdout, command
        for name in helped(program, command):
            assert f"--{name}" in shown.stdout or command in ("lab", "read"), (command, name)


def completed(*words, before=""):
    """What bash offers for the last word. before: what the shell runs first."""
    write("script", tcplens("completion", "bash")[1])
    script = (f'source ./script; {before}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _tcplens; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", "tcplens", *words], capture_output=True, text=True,
                          check=False)
    assert not done.stderr, (words, done.stderr)
    os.remove("script")
    return [word for word in done.stdout.split("\n") if word]


def some_files():
    for name in ("a b.pcap", "all.pcap", "$(touch evil)"):
        write(name, "")
    os.mkdir("a directory")


@case
def completion_of_bash():
    program = os.environ["TCPLENS"]
    write("script", tcplens("completion", "bash")[1])
    assert subprocess.run(["bash", "-n", "script"], check=False).returncode == 0, "bash cannot parse it"
    commands = commands_of(program)
    assert "trace" in commands and "completion" in commands
    assert set(completed("")) == {*commands, "help", *(f"--{o}" for o in EVERYWHERE)}
    assert completed("tra") == ["trace"]
    for command in commands:
        wanted = {f"--{name}" for name in [*helped(program, command), "help"]}
        assert set(completed(command, "--")) == wanted, (command, completed(command, "--"))
    check_equal(completed("trace", "--segments", ""), ["all", "control", "none"])
    check_equal(completed("read", "--checksums", "i"), ["ignore"])
    check_equal(completed("trace", "--port", ""), [])
    check_equal(completed("trace", "port", "443", "a"), ["and"])
    check_equal(completed("read", "x.pcap", "po"), ["port", "portrange"])
    check_equal(completed("trace", "-o", "--", "--seg"), ["--segments"], "after a value that looks like the end")


@case
def completion_of_file_names():
    some_files()
    for words in (("read",), ("report",), ("read", "--"), ("read", "-o"), ("trace", "--output"),
                  ("trace", "--", "cat")):
        check_equal(sorted(completed(*words, "a ")), ["a b.pcap", "a directory"], words)
        check_equal(completed(*words, "$"), ["$(touch evil)"], words)
    assert not os.path.exists("evil")


@case
def completion_of_words():
    commands = commands_of(os.environ["TCPLENS"])
    shells = completed("completion", "")
    check_equal(sorted(shells), ["bash", "fish", "zsh"])
    for shell in shells:
        check_equal(tcplens("completion", shell)[0], 0, shell)
    check_equal(completed("completion", "z"), ["zsh"])
    check_equal(completed("completion", "zsh", ""), [])
    check_equal(completed("help", ""), commands)
    check_equal(completed("help", "trace", ""), [])
    check_equal(completed("doctor", "--", ""), [])


@case
def completion_of_labs():
    here = f'tcplens() {{ {os.environ["TCPLENS"]} "$@"; }}'
    labs = tcplens("lab", "--list", "--names")[1].decode().split()
    check_equal(completed("lab", "", before=here), labs)
    check_equal(completed("lab", "first-", before=here), ["first-connection"])
    check_equal(completed("lab", "first-connection", "", before=here), [], "one lab at a time")
    check_equal(completed("lab", "--lang", ""), ["en", "zh"])
    check_equal(completed("lab", "--export", "g"), ["gift"])


@case
def completion_of_sources():
    check_equal(set(completed("trace", "--source", "")), {"kernel", "diag", "wire"})
    check_equal(completed("trace", "--source", "k"), ["kernel"])
    check_equal(completed("trace", "--source", "kernel,w"), ["kernel,wire"])
    assert "wire,wire" not in completed("trace", "--source", "wire,"), "a source is named twice"
    assert {"new", "all"} <= set(completed("trace", "--netns", ""))


@case
def completion_of_a_command():
    some_files()
    check_equal(set(completed("trace", "--", "mkdi")), {"mkdir"})
    assert "mkdir" in completed("trace", "--port", "80", "--", "")
    check_equal(completed("trace", "--", "mkdir", "all"), ["all.pcap"])
    for words in (("--",), ("mkdir", "--"), ("mkdir", "-o", "--seg")):
        check_equal(completed("trace", "--", *words), [], words)
    check_equal(completed("trace", "--", "mkdir", "--segments", "al"), ["all.pcap"], "an option of another program")
    for name in ("_command_offset", "_comp_command_offset"):
        asked = f'{name}() {{ COMPREPLY=("from $1"); }}'
        check_equal(completed("trace", "-p", "80", "--", "mkdir", "-", before=asked), ["from 5"], name)
    assert "--port" in completed("trace", "--"), "the end itself may be an option's beginning"


@case
def completion_of_other_shells():
    program = os.environ["TCPLENS"]
    for shell in ("zsh", "fish"):
        text = tcplens("completion", shell)[1].decode()
        for command in commands_of(program):
            part = (re.search(rf"^    {command}\)\n(.*?);;$", text, re.M | re.S)[1] if shell == "zsh" else
                    "\n".join(line for line in text.splitlines() if f"_options {command}'" in line))
            for name, (letter, _) in helped(program, command).items():
                assert (f"--{name}[" if shell == "zsh" else f"-l {name}") in part, (shell, command, name)
                assert not letter or (f"*-{letter}[" if shell == "zsh" else f"-s {letter}") in part, (shell, command, name)
        sources = " ".join(completed("trace", "--source", ""))
        for words in ("all control none", "check ignore", "new all ", "bash zsh fish", sources):
            assert words in text, (shell, words)


def parsed_by(shell):
    if not shutil.which(shell):
        raise Skip(f"{shell} is not installed")
    write(shell, tcplens("completion", shell)[1])
    assert subprocess.run([shell, "-n", shell], check=False).returncode == 0, f"{shell} cannot parse it"


@case
def completion_parsed_by_zsh():
    parsed_by("zsh")


@case
def completion_of_fish():
    parsed_by("fish")
    some_files()

    def offered(line):
        done = subprocess.run(["fish", "--no-config", "-c", "source ./fish; complete -C $argv[1]", "--", line],
                              capture_output=True, text=True, timeout=60, check=False)
        assert not done.stderr, (line, done.stderr)
        return {word.split("\t")[0] for word in done.stdout.splitlines()}

    commands = set(commands_of(os.environ["TCPLENS"]))
    check_equal(offered("tcplens "), commands | {"help"})
    check_equal(offered("tcplens help "), commands)
    check_equal(offered("tcplens help trace "), set())
    check_equal(offered("tcplens completion "), {"bash", "zsh", "fish"})
    check_equal(offered("tcplens trace --source "), {"kernel", "diag", "wire"})
    assert {"new", "all"} <= offered("tcplens trace --netns ")
    assert {"port", "portrange"} <= offered("tcplens trace po")
    assert {"port", "portrange"} <= offered("tcplens read all.pcap po")
    assert "mkdir" in offered("tcplens trace -- mkdi")
    check_equal(offered("tcplens trace -- cat all"), {"all.pcap"})
    assert "--segments" not in offered("tcplens trace -- cat --seg")


@case
def slips():
    program = os.environ["TCPLENS"]
    for command in ((program, "trce"), (program, "help", "raed"), (program, "trace", "--duraton", "3"),
                    (program, "read", "--segments", "contorl", "x"), (program, "completion", "zhs"),
                    (program, "trace", "--source", "kernel,wrie"), (program, "lab", "--export", "gfit"),
                    (ECHO, "sevrer"), (ECHO, "server", "--bnid", "x"), (ECHO, "server", "--model", "epol")):
        status, out, error = run(*command)
        assert status == 2 and not out, (command, status, out)
        assert "did you mean '" in error, (command, error)
    for command in ((program, "elephant"), (program, "trace", "--elephant"), (ECHO, "elephant")):
        status, _, error = run(*command)
        assert status == 2 and "did you mean" not in error, (command, error)


@case
def habits_of_other_programs():
    """What tcpdump's, strace's and tshark's users type is answered by one line that says what it is here."""
    write("x.pcap", b"")
    for words, answer in ((("trace", "-r", "x.pcap"), "tcplens read FILE"), (("trace", "-e", "trace=network"), "--calls"),
                          (("trace", "-f"), "children are followed"), (("trace", "-s", "0"), "headers alone"),
                          (("trace", "-tttt"), "--time"), (("trace", "-A"), "--headers"), (("trace", "-XX"), "--headers"),
                          (("trace", "-D"), "ip link"), (("trace", "-G", "60"), "--rotate-time"), (("trace", "-C", "5"), "--rotate-size"),
                          (("trace", "-W", "3"), "--rotate-size"), (("trace", "-T"), "--calls"), (("trace", "-a"), "in any case"),
                          (("trace", "-S"), "as sent"), (("trace", "-tlnp"), "--time"), (("trace", "-u"), "--udp"),
                          (("trace", "-6"), "net ::/0"), (("read", "-K", "x"), "--checksums"), (("read", "-e", "x"), "not kept"),
                          (("read", "-tt", "x"), "--time"), (("read", "-A", "x"), "--headers"), (("top", "-b"), "--once"),
                          (("top", "-a"), "e shows"), (("top", "-l"), "Tab"), (("top", "-t"), "TCP alone"),
                          (("top", "-o", "bytes"), "--sort"), (("convert", "-w", "y", "x"), "-o names"),
                          (("explain", "-r", "x"), "without it"), (("report", "-n", "x"), "in any case"), (("trace", "-l"), "in any case"), (("read", "-r", "x"), "named without it"),
                          (("read", "-Y", "tcp"), "--filter"), (("read", "-i", "lo"), "trace -i"), (("read", "-p", "80"), "--port"),
                          (("trace", "mkdir", "-p", "x"), "no process"), (("trace", "mkdir", "x"), "a command stands after --"),
                          (("trace", "tcp[13] & 2 != 0"), "asks for bytes of a packet"), (("trace", "len > 100"), "the length"),
                          (("trace", "udp port 53"), "--udp"), (("trace", "prt 80"), "did you mean 'port'"),
                          (("trace", "host 10.0.0.1 and (prt 80)"), "did you mean 'port'"), (("trace", "(port 80"), "syntax error (see"),
                          (("trace", "port", "80-90"), "did you mean 'portrange 80-90'"), (("trace", "port 80,443"), "--port 80,443"),
                          (("trace", "not port htps"), "did you mean 'https'"), (("trace", "--port", "80,htps"), "did you mean 'https'"),
                          (("trace", "port", "80", "--"), "which command"),
                          (("port", "443"), "tcplens trace port"), (("x.pcap",), "tcplens read x.pcap"), (("-i", "lo"), "trace -i"),
                          (("trace", "--calls", "--source", "diag,wire"), "the kernel witness"),
                          (("trace", "-i", "lo", "--source", "kernel"), "the wire witness"),
                          (("trace", "--exit-status"), "stands after --")):
        status, out, error = tcplens(*words)
        assert (status, out) == (2, b""), (words, status, out)
        one_line(error, answer, "--help")


# What is wrong of a command line as such, and what is wrong with what it names. OUT stands for an output that is asked for twice.
USAGE = {"trace": (["port"], ["--", ], ["--quiet"], ["--spool", "."]), "read": ([], ["x", "y z"]), "explain": ([], ["x", "y"]), "top": (["--delay", "0"],),
         "merge": ([],), "report": ([], ["x", "y"]), "convert": ([], ["x"], ["x", "--to", "pdf"]), "view": ([],),
         "export": ([], ["x"], ["--metrics", "0", "--spool-size", "1"]), "fetch": ([],), "lab": ([], ["a", "b"]), "doctor": (["x"],), "fsm": ([], ["--json", "x"]),
         "completion": ([], ["zhs"])}
NAMED = {"read": ["none"], "explain": ["none"], "top": ["--once", "none.pcap"], "merge": ["none", "none2", "-o", "m"],
         "report": ["none", "-o", "r"], "convert": ["none", "--to", "pcapng", "-o", "c"], "view": ["none"],
         "lab": ["--check", "none", "first-connection"]}


@case
def statuses_of_all_commands():
    """2: the command line is none, in every command; 1: what it names is not there. Nothing is left behind."""
    program = os.environ["TCPLENS"]
    check_equal(set(USAGE), set(commands_of(program)))
    for command, lines in USAGE.items():
        for words in (*lines, ["--elephant"], ["-\u00e9"]):
            status, out, error = run(program, command, *words)
            check_equal((status, out), (2, ""), (command, words, error))
            one_line(error, f"{command}: ")
    for command in commands_of(ECHO):
        for words in (["--elephant"], ["x"]):
            check_equal(run(ECHO, command, *words)[:2], (2, ""), (command, words))
    for command, words in NAMED.items():
        status, _, error = run(program, command, *words)
        check_equal(status, 1, (command, words, error))
        one_line(error, "none")
    check_equal(os.listdir("."), [])


@case
def nothing_is_made_for_nothing():
    """What cannot be read leaves no file, and what a file held stays, in every command that writes one."""
    write("foreign", b"neither a trace nor a capture\n")
    write("cut.pcap", read(CAPTURE)[:10])
    for name in ("foreign", "cut.pcap"):
        for words in (["read", name, "-o"], ["read", name, "-w"], ["read", name, "-q", "-w", "other", "-o"],
                      ["read", name, "-o", "other.gz", "-w"], ["merge", name, CAPTURE, "-o"], ["merge", CAPTURE, name, "-o"],
                      ["report", name, "-o"], ["convert", name, "--to", "pcapng", "-o"]):
            for out in ("out", "out.gz"):
                status, _, error = run(os.environ["TCPLENS"], *words, out)
                check_equal((status, sorted(os.listdir("."))), (1, ["cut.pcap", "foreign"]), (words, error))
                write(out, b"mine")
                status, _, error = run(os.environ["TCPLENS"], *words, out, "--force")
                check_equal((status, read(out)), (1, b"mine"), (words, error))
                os.remove(out)


@case
def what_stands_before_is_kept():
    """Standard output may be a file that somebody else has written to."""
    check_equal(run(os.environ["TCPLENS"], "read", CAPTURE, "-q", "-o", "trace")[0], 0)
    for words in (["read", "trace", "--json"], ["read", CAPTURE, "-o", "-"], ["merge", "trace", CAPTURE, "-q", "-o", "-"],
                  ["report", "trace", "-o", "-"], ["convert", "trace", "--to", "perfetto", "-o", "-"]):
        alone = tcplens(*words).stdout
        write("out", b"mine\n")
        for mode in ("ab", "r+b"):
            with open("out", mode) as out:
                out.seek(0, os.SEEK_END)
                tcplens(*words, stdout=out)
        check_equal(read("out"), b"mine\n" + 2 * alone, words)


@case
def nobody_is_left_behind():
    """Who reads for a command that is killed ends too."""
    os.mkfifo("fifo")
    for words in (["read", "fifo", "-o", "out"], ["report", "fifo", "-o", "out"], ["convert", "fifo", "--to", "pcapng", "-o", "out"]):
        with subprocess.Popen([os.environ["TCPLENS"], *words], stderr=subprocess.DEVNULL) as command, open("fifo", "wb") as fifo:
            fifo.write(read(CAPTURE)[:200])
            fifo.flush()
            reader = wait_for(lambda: children_of(command.pid), "a reader")[0]
            command.kill()
            command.wait()
            wait_for(lambda: has_ended(reader), "its end")
        if os.path.exists("out"):
            os.remove("out")


@case
def two_outputs_are_two_files():
    program, capture = os.environ["TCPLENS"], CAPTURE
    os.mkdir("folder")
    os.symlink(".", "folder/here")
    write("there", b"mine")
    os.symlink("there", "link")
    os.link("there", "hard")
    for words in (["read", capture, "-o", "new", "-w", "folder/../new"], ["read", capture, "-o", "./there", "-w", "link"],
                  ["read", capture, "-o", "hard", "-w", "there"], ["trace", "-o", "folder/x", "-w", "folder/here/x"],
                  ["lab", "first-connection", "--report", "x", "--result", "./x"]):
        status, out, error = run(program, *words, "--force")
        check_equal((status, out), (2, ""), words)
        one_line(error, " name one file, ")
    check_equal(read("there"), b"mine")
    assert not os.path.exists("new")
    check_equal(run(program, "read", capture, "-o", "/dev/null", "-w", "/dev/null")[0], 0, "a device takes both")


@case
def version_of_both():
    for program, command in ((os.environ["TCPLENS"], ()), (os.environ["TCPLENS"], ("read",)), (ECHO, ()), (ECHO, ("server",))):
        texts = {run(program, *command, option) for option in ("-V", "--version")}
        assert len(texts) == 1 and re.fullmatch(r"tcplens(-echo)? [\d.]+\n", texts.pop()[1]), (program, command)


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
