#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run_genmc.py ROOT TEST: model-check a test that includes the library's own
source, and again with each weakening that it names, which must fail:

    @must_fail MACRO

Where GenMC is not on PATH the test is only compiled and run once."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

OPTIONS = ["--disable-estimation", "--disable-mm-detector"]


def native(root, test):
    """Does it compile, with what GenMC would see, and run?"""
    with tempfile.TemporaryDirectory() as work:
        program = f"{work}/test"
        run = subprocess.run(
            ["gcc", "-std=gnu11", "-D_GNU_SOURCE", f"-I{root}", "-w", "-O1",
             "-o", program, str(test), "-pthread"], check=False)
        return run.returncode == 0 and subprocess.run(
            [program], check=False, timeout=60).returncode == 0


def verified(root, test, macro):
    define = [f"-D{macro}"] if macro else []
    run = subprocess.run(
        ["genmc", *OPTIONS, "--", "-D_GNU_SOURCE", f"-I{root}", *define,
         str(test)], capture_output=True, text=True, check=False)
    out = run.stdout + run.stderr
    good = run.returncode == 0 and "No errors were detected" in out
    if not good and "Error" not in out:
        sys.exit(f"GenMC could not check it:\n{out}")
    return good


def main():
    root, test = sys.argv[1], pathlib.Path(sys.argv[2])
    weaker = re.findall(r"@must_fail (\w+)", test.read_text())
    print(f"1..{2 + len(weaker)}")
    ok = native(root, test)
    print(f"{'ok' if ok else 'not ok'} - runs")
    if not shutil.which("genmc"):
        for what in ["verified"] + weaker:
            print(f"ok - {what} # SKIP genmc is not on PATH")
        return not ok
    for macro in [None] + weaker:
        good = verified(root, test, macro) == (macro is None)
        ok = ok and good
        print(f"{'ok' if good else 'not ok'} - {macro or 'verified'}")
    return not ok


sys.exit(main())
