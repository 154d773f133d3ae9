#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Count the cases in a meson test log, and show only what went wrong.

usage: testlog.py TESTLOG.JSON CONFIG STATUS COUNTS

A program that reports in TAP counts once per case, any other once, as does one
that is meant to fail.  Skipped
cases are listed with the reason.  STATUS is that of "meson test": a run that
failed although no test did counts as one failure.  Appends the line
"CONFIG passed failed skipped" to the file COUNTS."""
import collections
import json
import os
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b[ \d]*-? *([^#]*)(?:# *(SKIP|TODO)\b *(.*))?$",
                      re.I)
SHOWN_LINES = 80


def cases(test):
    """Yield (name, outcome, reason) for each case of one meson test."""
    name, result = test["name"].split(" / ")[-1], test["result"]
    out = test.get("stdout", "").splitlines()
    failed = False
    found = []
    if any(re.match(r"\d+\.\.\d+", line) for line in out):
        said = ""
        for line in out:
            m = TAP_LINE.match(line)
            if not m:
                said = re.sub(r"^[# ]*(\S+:\d+: skip: *)?", "", line)
                continue
            case = m.group(2).strip()
            if m.group(3) and m.group(3).upper() == "SKIP":
                found.append((case, "skipped", m.group(4) or said))
            else:
                failed |= bool(m.group(1))
                found.append((case, "failed" if m.group(1) else "passed", ""))
    if result == "EXPECTEDFAIL":    # a negative control, which failed well
        return [(name, "passed", "")]
    if result == "UNEXPECTEDPASS":
        return [(name, "failed", result)]
    if found and (failed or result in ("OK", "SKIP")):
        return found
    if result == "OK":
        return [(name, "passed", "")]
    if result == "SKIP":
        said = [line for line in out if line.strip()]
        return [(name, "skipped", said[-1].strip() if said else "no reason")]
    return found + [(name, "failed", result)]


def show(test, config):
    print(f"---- {config}: {test['name']}: {test['result']}")
    for stream in "stdout", "stderr":
        lines = test.get(stream, "").splitlines()
        lines = [l for l in lines if not re.match(r"ok\b", l)]
        if len(lines) > SHOWN_LINES:
            print(f"({len(lines) - SHOWN_LINES} lines of {stream} left out)")
        print("\n".join(lines[-SHOWN_LINES:]))
    print("----")


def main():
    path, config, status, counts = sys.argv[1:]
    count = {"passed": 0, "failed": 0, "skipped": 0}
    skipped = []
    tests = []
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="replace") as log:
            tests = [json.loads(line) for line in log]
    for test in tests:
        results = cases(test)
        for name, outcome, reason in results:
            count[outcome] += 1
            if outcome == "skipped":
                skipped.append(f"{name}: {reason}")
        if any(outcome == "failed" for _, outcome, _ in results):
            show(test, config)
    if status != "0" and count["failed"] == 0:
        count["failed"] = 1
        print(f"---- {config}: meson test ended with status {status}")
    for line, times in sorted(collections.Counter(skipped).items()):
        again = f" ({times} times)" if times > 1 else ""
        print(f"        {config}: skipped {line}{again}")
    with open(counts, "a", encoding="utf-8") as out:
        out.write(f"{config} {count['passed']} {count['failed']} "
                  f"{count['skipped']}\n")


main()
