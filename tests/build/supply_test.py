#!/usr/bin/env python3
"""What was built is what anybody builds of these sources, and says what it is made of.

Usage: supply_test.py     O names the folder of the build, MAKE make(1), CFLAGS and SOURCE_DATE_EPOCH what it was built with.
Needs what the build needs, and no network.
"""
import json
import os
import re
import sys
import tempfile
from pathlib import Path

from trees import ROOT, copy_tree, make, run

sys.path.append(str(ROOT / "tests"))
from lib import case, check, check_equal, run_cases

BUILT = Path(os.environ["O"])
FILES = ["tcplens", "tcplens-echo", "viewer.html", "viewer-small.html", "engine.wasm", "bpf/tcplens.bpf.o", "tcplens.spdx.json"]
WITH_ENGINE = (BUILT / "engine.wasm").exists()


@case
def same_bytes_in_another_folder():
    with tempfile.TemporaryDirectory(prefix="another-name-") as directory:
        copy = Path(directory, "somebody", "tcplens")
        copy_tree(copy)
        make(copy, "all", "sbom", CFLAGS=os.environ["CFLAGS"], SOURCE_DATE_EPOCH=os.environ["SOURCE_DATE_EPOCH"],
             ENGINE=int(WITH_ENGINE))
        files = [name for name in FILES if WITH_ENGINE or name != "engine.wasm"]
        check_equal([n for n in files if (copy / "build" / n).read_bytes() != (BUILT / n).read_bytes()], [], "which differ:")


@case
def no_path_of_the_build():
    for name in FILES[:4]:
        data = (BUILT / name).read_bytes()
        for folder in {str(ROOT), str(BUILT)}:
            check(folder.encode() not in data, name, "tells of", folder)


def needed(program):
    return re.findall(r"\(NEEDED\).*\[(.+?)\.so", run(ROOT, "readelf", "-d", BUILT / program))


@case
def bill_of_materials():
    """SPDX 2.3: https://spdx.github.io/spdx-spec/v2.3/"""
    bill = json.loads((BUILT / "tcplens.spdx.json").read_text(encoding="utf-8"))
    check_equal((bill["spdxVersion"], bill["dataLicense"], bill["SPDXID"]), ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"))
    check(re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["documentNamespace"]))
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bill["creationInfo"]["created"]), bill["creationInfo"])
    packages = {p["SPDXID"]: p for p in bill["packages"]}
    check_equal(len(packages), len(bill["packages"]), "identifiers:")
    for name, package in packages.items():
        check(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name), name)
        check(package["name"] and package["downloadLocation"] and package["versionInfo"], package)
        check(package["licenseDeclared"] != "NOASSERTION", "no licence is known of", package["name"])
        for checksum in package.get("checksums", []):
            check(checksum["algorithm"] == "SHA512" and re.fullmatch(r"[0-9a-f]{128}", checksum["checksumValue"]), checksum)
    related = {}
    for r in bill["relationships"]:
        check(r["relatedSpdxElement"] in packages, r)
        related.setdefault(r["relationshipType"], set()).add(packages[r["relatedSpdxElement"]]["name"])
    check_equal(related["DESCRIBES"], {"tcplens"})
    engine = {"wasi-libc", "compiler-rt"} if WITH_ENGINE else set()
    check_equal(related["CONTAINS"], {"preact", "@preact/signals", "@preact/signals-core"} | engine)
    # the loader knows some by other names, and what it comes with is the system's own
    known_as = {"libz": "zlib", "libncursesw": "ncursesw", "libtinfo": "ncursesw"}
    linked = {known_as.get(name, name) for name in needed("tcplens")} - {"libc", "libm", "libgcc_s", "ld-linux-x86-64"}
    check_equal(linked, related["DYNAMIC_LINK"])


@case
def pages_hold_the_notices():
    small, both = ((BUILT / name).read_text(encoding="utf-8") for name in ("viewer-small.html", "viewer.html"))
    for page in (small, both):
        notices = page[page.rindex("<!--"):]
        for line in ("Copyright (c) 2015-present Jason Miller", "Copyright (c) 2022-present Preact Team",
                     "Copyright (c) 2005-2020 Rich Felker, et al.", "Permission is hereby granted, free of charge"):
            check(line in notices, line)


@case
def programs_are_hardened():
    for program in ("tcplens", "tcplens-echo"):
        said = run(ROOT, "readelf", "-W", "-h", "-l", "-d", "-n", BUILT / program)
        check(re.search(r"Type:\s+DYN", said), program, "is not position-independent")
        check("BIND_NOW" in said and "GNU_RELRO" in said, program, "has a table that can be written")
        check(re.search(r"GNU_STACK.* RW ", said), program, "has a stack that can be run")
        if "X86-64" in said:
            check(re.search(r"x86 feature:.*IBT.*SHSTK", said), program, "has no mark of CET")
        made = run(ROOT, "readelf", "-W", "--debug-dump=info", "--dwarf-depth=1", BUILT / program)
        by_gcc = re.findall(r"DW_AT_producer .*: (GNU C17 .*)", made)
        check(by_gcc or "clang" in made, program, "does not say how it was compiled")
        for flag in ("-fstack-clash-protection", "-ftrivial-auto-var-init=zero", "-fstack-protector-strong"):
            check_equal([flags for flags in by_gcc if flag not in flags], [], f"{program} without {flag}:")


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:]))
