"""What the tests of commands share. TCPLENS names the program."""
import os
import subprocess
import tempfile

CASES = []


def case(function):
    """A test; it runs in a directory of its own."""
    CASES.append(function)
    return function


def tcplens(*arguments, data=None, stdout=subprocess.PIPE):
    """Exit status, standard output (bytes), standard error (text)."""
    done = subprocess.run([os.environ["TCPLENS"], *arguments], input=data, stdout=stdout, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL if data is None else None, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def write(name, data):
    with open(name, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return name


def read(name):
    with open(name, "rb") as f:
        return f.read()


def main():
    failed = 0
    for function in CASES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                function()
                print(f"ok      {function.__name__}")
            except AssertionError as e:
                failed += 1
                print(f"FAILED  {function.__name__}: {e!r}")
            os.chdir("/")
    return failed > 0
