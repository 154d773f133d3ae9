#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run_genmc.py ROOT TEST [SIMULATOR]: check a test that includes the library's
own source, and again with each weakening that it names, which must fail:

    @must_fail MACRO

by GenMC if it is on PATH, which looks at every execution, and by the library
of tests/wsim, if given, which looks at many.  The test is also run as it is."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CC = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-w", "-O1"]
# As docs/wsim.md says.
INSTRUMENT = ["-g", "-fsanitize=thread", "-fno-pie", "-fno-builtin-malloc",
              "-fno-builtin-free"]
OPTIONS = ["--disable-estimation", "--disable-mm-detector"]
EXECUTIONS = 50000       # of what must hold
EXECUTIONS_WEAK = 400000  # of what must fail, at most


def call(*cmd, **how):
    return subprocess.run(list(map(str, cmd)), check=False, text=True, **how)


class Test:
    def __init__(self, root, path, simulator):
        self.root, self.path, self.simulator = root, path, simulator
        self.macros = re.findall(r"@must_fail (\w+)", path.read_text())

    def runs(self, work):
        """Does it compile, and run on this machine?"""
        program = f"{work}/test"
        return call(*CC, f"-I{self.root}", "-o", program, self.path,
                    "-pthread").returncode == 0 and \
            call(program, timeout=60).returncode == 0

    def simulated(self, work, macro):
        """Was no execution wrong?  Exits if it cannot be simulated."""
        code = CC + INSTRUMENT + [
            f"-I{self.root}", "-include", f"{self.root}/tests/wsim/pause.h"]
        define = [f"-D{macro}"] if macro else []
        steps = [
            code + define + ["-Dmain=model_main", "-c", "-o",
                             f"{work}/test.o", self.path],
            code + ["-c", "-o", f"{work}/main.o",
                    f"{self.root}/tests/model/simulate.c"],
            ["gcc", "-no-pie", f"@{self.root}/tests/wsim/runtime/wrap.txt",
             f"{work}/test.o", f"{work}/main.o", self.simulator, "-pthread",
             "-o", f"{work}/simulated"],
            [f"{work}/simulated", "-n",
             EXECUTIONS_WEAK if macro else EXECUTIONS]]
        for step in steps[:-1]:
            if call(*step).returncode != 0:
                sys.exit("it cannot be built for the simulator")
        run = call(*steps[-1], capture_output=True)
        found = re.search("^# (data race|assertion):.*", run.stdout, re.M)
        if run.returncode != 0 and not found:
            sys.exit(f"the simulator cannot run it:\n{run.stdout}")
        if found and not macro:
            print(run.stdout)
        return run.returncode == 0

    def verified(self, _, macro):
        """Is no execution wrong?  Exits if GenMC cannot say."""
        define = [f"-D{macro}"] if macro else []
        run = call("genmc", *OPTIONS, "--", "-D_GNU_SOURCE", "-DMODEL_GENMC",
                   f"-I{self.root}", *define, self.path, capture_output=True)
        out = run.stdout + run.stderr
        good = run.returncode == 0 and "No errors were detected" in out
        if not good and "Error" not in out:
            sys.exit(f"GenMC could not check it:\n{out}")
        return good


def main():
    test = Test(sys.argv[1], pathlib.Path(sys.argv[2]), (sys.argv[3:] or [0])[0])
    engines = [
        ("simulated", test.simulated, "no simulator in this build"
         if not test.simulator else None),
        ("verified", test.verified, "genmc is not on PATH"
         if not shutil.which("genmc") else None)]
    print(f"1..{1 + len(engines) * (1 + len(test.macros))}")
    with tempfile.TemporaryDirectory() as work:
        ok = test.runs(work)
        print(f"{'ok' if ok else 'not ok'} - runs")
        for name, check, missing in engines:
            for macro in [None] + test.macros:
                what = name + (f", {macro} is not" if macro else "")
                if missing:
                    print(f"ok - {what} # SKIP {missing}")
                    continue
                good = check(work, macro) == (macro is None)
                ok = ok and good
                print(f"{'ok' if good else 'not ok'} - {what}", flush=True)
    return not ok


sys.exit(main())
