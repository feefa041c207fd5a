#!/usr/bin/env python3
"""Writes an initramfs of files of this machine, each at the path it has here.

Usage: initramfs.py OUTPUT PROGRAM-OR-PATH...

A path is a file, a symbolic link or a whole directory; a name without a slash is looked for in $PATH and among root's
programs. What they need comes along by itself: the links and directories that lead to them, the shared libraries of
programs, and this Python with its standard library and what the tests import beyond it. A program therefore runs there
as it runs here.
"""
import importlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig

# Directories that are made new, with their modes: nothing of what is in them here.
EMPTY = {"/dev": 0o755, "/proc": 0o555, "/run": 0o755, "/sys": 0o555, "/tmp": 0o1777}
# What the kernel tests import besides the standard library.
MODULES = ["jsonschema"]
# Parts of the standard library that no test uses: a third of the whole.
STDLIB_UNUSED = {"config-", "dist-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test",
                 "tests", "tkinter", "turtledemo"}


class Archive:
    """A cpio archive in the format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.done = {"/"}
        self.programs = []

    def entry(self, path, mode, data=b"", mtime=0):
        name = path.lstrip("/").encode() + b"\0"
        # All is root's: the tests run as root there, and who runs them here need not be.
        fields = [len(self.done), mode, 0, 0, 1, int(mtime), len(data), 0, 0, 0, 0, len(name), 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + name
        self.file.write(header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4))

    def add(self, path, wanted=lambda name: True):
        """A file, a link with what it leads to, or a directory with its wanted names below it."""
        path = self.add_way(path)
        if os.path.isdir(path):
            for name in sorted(filter(wanted, os.listdir(path))):
                self.add(os.path.join(path, name), wanted)

    def add_way(self, path):
        """Adds one path and all that leads to it; returns where it really is."""
        directory, name = os.path.split(os.path.normpath(path))
        if not name:
            return "/"
        path = os.path.join(self.add_way(directory), name)
        if os.path.islink(path):
            target = os.readlink(path)
            if path not in self.done:
                self.done.add(path)
                self.entry(path, stat.S_IFLNK | 0o777, target.encode())
            return self.add_way(os.path.join(os.path.dirname(path), target))
        if path not in self.done:
            self.done.add(path)
            self.add_real(path)
        return path

    def add_real(self, path):
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            # This Python may live in root's home, and the tests run it as an ordinary user too.
            self.entry(path, status.st_mode | 0o555)
        elif stat.S_ISREG(status.st_mode):
            with open(path, "rb") as file:
                data = file.read()
            if data.startswith(b"\x7fELF"):
                self.programs.append(path)
            # Python compares the time of a source file with the one in its cache.
            self.entry(path, status.st_mode, data, status.st_mtime)

    def add_libraries(self):
        """The shared libraries of every program, library and extension so far; ldd also tells those of libraries."""
        listing = subprocess.run(["ldd", *self.programs], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True, check=False).stdout  # it fails for what is linked statically
        for line in listing.splitlines():
            if "not found" in line:
                raise SystemExit(f"initramfs.py: a shared library is missing: {line.strip()}")
            for word in line.split():
                if word.startswith("/") and not word.endswith(":"):
                    self.add(word)

    def add_python(self):
        self.add(sys.executable)
        if os.path.exists(f"{sys.prefix}/pyvenv.cfg"):
            self.add(f"{sys.prefix}/pyvenv.cfg")
        for kind in ("stdlib", "platstdlib"):
            self.add(sysconfig.get_path(kind), lambda name: not name.startswith(tuple(STDLIB_UNUSED)))
        # Whole packages: they bring data files, and import more when they are used.
        for name in MODULES:
            importlib.import_module(name)
        packages = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"}
        for module in map(sys.modules.get, packages):
            for path in getattr(module, "__path__", None) or [getattr(module, "__file__", None)]:
                if path:
                    self.add(path)

    def close(self):
        self.entry("TRAILER!!!", 0)
        self.file.close()


def main(output, *names):
    archive = Archive(output)
    for path, mode in EMPTY.items():
        archive.done.add(path)
        archive.entry(path, stat.S_IFDIR | mode)
    # Where they are links, a program that was found in /usr/bin is called by its other name too.
    for path in filter(os.path.islink, ["/bin", "/lib", "/lib64", "/sbin"]):
        archive.add_way(path)
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for name in names:
        path = os.path.abspath(name) if "/" in name else shutil.which(name, path=search)
        if not path or not os.path.exists(path):
            raise SystemExit(f"initramfs.py: {name} is not on this machine")
        archive.add(path)
    archive.add_python()
    archive.add_libraries()
    archive.close()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__.split("\n\n")[1])
    main(*sys.argv[1:])
