#!/usr/bin/env python3
"""Writes a capture of each of tests/scenarios that is of packets alone: scenarios.py FOLDER"""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from lib import scenario

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for one in scenario.all_of_them():
    if not one.of_kernel:
        (folder / f"{one.name}.pcap").write_bytes(scenario.capture(one))
