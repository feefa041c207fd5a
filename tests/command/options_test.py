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
from lib import Skip, case, check_equal, own_directory, read, run_cases, tcplens, write

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ECHO = os.environ["ECHO"]
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


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:], around=own_directory))
