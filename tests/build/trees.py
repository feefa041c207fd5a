"""Copies of the tree, and make(1) in them."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def run(copy, *command, env=None):
    """What it printed; ends the test where it fails."""
    done = subprocess.run(command, cwd=copy, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, check=False, env=env)
    if done.returncode:
        sys.exit(f"FAILED: {' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def make(copy, *targets, **variables):
    # not as a part of the make that runs this: its variables are of another tree
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O", "MAKEOVERRIDES")}
    run(copy, os.environ.get("MAKE", "make"), f"-j{os.cpu_count()}", "WERROR=1", *targets,
        *(f"{name}={value}" for name, value in variables.items()), env=environment)


def copy_tree(copy):
    """All but what is built or installed; what npm installed is shared."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    else:  # unpacked from an archive: all but what was built
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")
                 if p.is_file() and p.relative_to(ROOT).parts[0] != "build" and "node_modules" not in p.parts]
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    (copy / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
