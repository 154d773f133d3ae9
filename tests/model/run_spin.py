#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run_spin.py ROOT MODEL: verify a Spin model against the source it mirrors.

    @mirror NAME FILE FUNCTION REGEX   NAME is 1 if the function has the text
    @run [NAME=VALUE ...]              no error may be found
    @must_fail [NAME=VALUE ...]        an error must be found

The model is run with what the source says; the runs that must fail show that
each mirrored line is needed, and that the model would notice.  Status 77:
Spin is not here."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile



def body(text, function):
    """The text of a C function, or None."""
    m = re.search(rf"^{function}\([^;{{]*\)\n{{\n(.*?)^}}", text,
                  re.M | re.S)
    return m.group(1) if m else None


def mirrors(root, model):
    """{NAME: "0" or "1"}"""
    found = {}
    for name, file, function, pattern in re.findall(
            r"@mirror\s+(\w+)\s+(\S+)\s+(\w+)\s+(.*)", model):
        text = body((root / file).read_text(), function)
        if text is None:
            sys.exit(f"{file} has no function {function}: the model is stale")
        found[name] = str(int(re.search(pattern.strip(), text) is not None))
    return found


def verify(model, defines):
    """True if Spin finds no error."""
    with tempfile.TemporaryDirectory() as work:
        spin = ["spin", "-a"] + [f"-D{n}={v}" for n, v in defines.items()]
        subprocess.run(spin + [str(model)], cwd=work, check=True,
                       capture_output=True, text=True)
        subprocess.run(["gcc", "-O0", "-w", "-DSAFETY", "-DNOFAIR", "-o",
                        "pan", "pan.c"], cwd=work, check=True)
        out = subprocess.run(["./pan", "-m100000"], cwd=work, check=True,
                             capture_output=True, text=True).stdout
    errors = re.search(r"errors: (\d+)", out)
    states = re.search(r"(\d+) states, stored", out)
    if not errors or not states or "Search not completed" in out and \
            errors.group(1) == "0":
        sys.exit(f"Spin did not finish:\n{out}")
    what = re.search(r"pan:\d+: (.*?) \(at depth", out)
    print(f"#   {states.group(1)} states, {errors.group(1)} errors"
          + (f": {what.group(1)}" if what else ""))
    return errors.group(1) == "0"


def main():
    root, model = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if not shutil.which("spin"):
        print("1..0 # SKIP Spin is not here; Debian package spin")
        return 0
    text = model.read_text()
    source = mirrors(root, text)
    runs = re.findall(r"@(run|must_fail)\b(.*)", text)
    failed = 0
    print(f"# the source says: {source}\n1..{len(runs)}")
    for kind, words in runs:
        extra = dict(w.split("=") for w in words.split())
        good = verify(model.resolve(), {**source, **extra}) == (kind == "run")
        failed += not good
        print(f"{'ok' if good else 'not ok'} - {kind} {words.strip()}",
              flush=True)
    return failed != 0 or not runs


sys.exit(main())
