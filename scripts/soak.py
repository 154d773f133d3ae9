#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run the stress programs for a long time, one disturbance after the other:

  plain     a program by itself
  crowd     four copies for each processor at once
  one-cpu   all threads on one processor
  yield     every test point in the library yields or sleeps (LIBSYNC_YIELD)
  signals   a timer stops whichever thread it hits (gcc only)
  fenced    the full fences in the place of membarrier, with yields
  wsim      the simulator's tests, with seeds that were not tried before

A line says how far it is; what fails is kept in build/soak, with the command
that runs it again.  The status is 1 if anything failed."""
import argparse
import json
import os
import pathlib
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "soak"
HANGS = 900  # seconds, after which a program that should take some hangs
SANITIZERS = {
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:history_size=4:"
                    "atexit_sleep_ms=0",
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
LENGTH = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def length(text):
    m = LENGTH.fullmatch(text)
    if not m:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 90s, 5m, 24h")
    return float(m.group(1)) * SECONDS[m.group(2)]


def clock(seconds):
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:" \
           f"{int(seconds) % 60:02}"


def stresses(test):
    """Does the program have cases that are made longer by STRESS_N?"""
    source = pathlib.Path(test["cmd"][0]).name
    return any(re.search(r"\bstress_n\(", p.read_text())
               for p in (ROOT / "tests").glob(f"**/{source}.c"))


def jobs_of(config, match):
    """Yield (config, mode, test) for all that can run in a configuration."""
    folder = BUILD / config
    text = subprocess.run(["meson", "introspect", "--tests", str(folder)],
                          check=True, capture_output=True, text=True).stdout
    for test in json.loads(text):
        suites = {s.split(":")[-1] for s in test["suite"]}
        if not re.search(match, test["name"]):
            continue
        if "wsim" in suites:
            yield config, "wsim", test
        elif suites & {"libsync", "stack"} and stresses(test):
            modes = ["plain", "crowd", "one-cpu", "yield", "fenced"]
            if config == "gcc":
                modes.append("signals")
            for mode in modes:
                yield config, mode, test


def build_storm():
    """The library of the signal mode."""
    LOGS.mkdir(parents=True, exist_ok=True)
    out = LOGS / "storm.so"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o",
                    str(out), str(ROOT / "tests/soak/storm.c")], check=True)
    return out


class Job:
    def __init__(self, config, mode, test, storm):
        self.name = f"{test['name']} {mode} {config}"
        self.cmd = list(test["cmd"])
        self.env = {**SANITIZERS, **test["env"]}
        self.copies = 1
        rnd = random.SystemRandom()
        self.env["STRESS_N"] = str(rnd.choice([1, 2, 5, 10]))
        disturb = f"{rnd.randrange(1, 1 << 30)}/{rnd.choice([2, 4, 16, 64])}"
        if mode == "crowd":
            self.copies = 4 * os.cpu_count()
            self.env["STRESS_N"] = "1"
        elif mode == "one-cpu":
            cpus = sorted(os.sched_getaffinity(0))
            self.cmd = ["taskset", "-c", str(rnd.choice(cpus))] + self.cmd
            self.env["STRESS_N"] = "1"
        elif mode in ("yield", "fenced"):
            self.env["LIBSYNC_YIELD"] = disturb
            self.env["STRESS_N"] = "1"
            if mode == "fenced":
                self.env["LIBSYNC_FENCE"] = "fenced"
        elif mode == "signals":
            self.env["LD_PRELOAD"] = str(storm)
            self.env["STORM_US"] = str(rnd.choice([50, 200, 1000]))
            self.env["STRESS_N"] = "1"
        elif mode == "wsim":
            self.cmd += ["-n", "2000000", "-f", str(rnd.randrange(1, 1 << 40))]

    def shell(self):
        env = " ".join(f"{k}={shlex.quote(v)}" for k, v in self.env.items())
        return f"{env} {shlex.join(self.cmd)}"

    def start(self, out):
        return subprocess.Popen(
            self.cmd, env={**os.environ, **self.env}, stdout=out,
            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            start_new_session=True)


class Soak:
    def __init__(self, seconds, stop_at_first):
        self.begun = time.monotonic()
        self.seconds, self.first = seconds, stop_at_first
        self.runs = self.skipped = 0
        self.failed = []
        self.now = ""
        self.said = 0.0
        self.children = []

    def passed(self):
        return time.monotonic() - self.begun

    def over(self):
        return self.passed() >= self.seconds or (self.failed and self.first)

    def progress(self, force=False):
        terminal = sys.stdout.isatty()
        if not force and time.monotonic() - self.said < (1 if terminal
                                                         else 60):
            return
        self.said = time.monotonic()
        line = f"[{clock(self.passed())} of {clock(self.seconds)}] " \
               f"{self.runs} runs, {len(self.failed)} failed, {self.now}"
        print(f"\r{line[:100]:100}" if terminal else line,
              end="" if terminal else "\n", flush=True)

    def fail(self, job, what, text):
        log = LOGS / f"{len(self.failed) + 1}.log"
        log.write_text(f"{job.shell()}\n{what}\n\n{text}")
        self.failed.append(job.name)
        print(f"\nFAILED: {job.name}: {what}; {log.relative_to(ROOT)}",
              flush=True)

    def kill(self):
        for child in self.children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        self.children = []

    def run(self, job):
        """All copies at once; a job is cut short when the time is over."""
        self.now = job.name
        self.progress(force=not self.runs)
        outs = [tempfile.TemporaryFile("w+", errors="replace")
                for _ in range(job.copies)]
        self.children = [job.start(out) for out in outs]
        end = time.monotonic() + HANGS
        while any(c.poll() is None for c in self.children):
            time.sleep(0.05)
            self.progress()
            if self.passed() >= self.seconds or time.monotonic() >= end:
                break
        hung = any(c.poll() is None for c in self.children)
        cut = hung and time.monotonic() < end
        status = [c.poll() for c in self.children]
        self.kill()
        for out, code in zip(outs, status):
            out.seek(0)
            text = out.read()
            out.close()
            if code is None:
                if not cut:
                    self.fail(job, f"still ran after {HANGS} s", text)
            elif code != 0 or re.search(r"^not ok", text, re.M):
                self.fail(job, f"status {code}", text)
        self.runs += not cut


def arguments():
    p = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-t", metavar="TIME", type=length, default=length("24h"),
                   help="how long: 90s, 5m, 24h (24h)")
    p.add_argument("-c", metavar="CONFIG", action="append", default=[],
                   help="gcc, gcc-tsan, clang-tsan or asan; repeatable "
                        "(gcc and gcc-tsan)")
    p.add_argument("-k", metavar="REGEX", default="",
                   help="only the programs whose name matches")
    p.add_argument("-m", metavar="MODE", action="append", default=[],
                   help="only this disturbance; repeatable")
    p.add_argument("-x", action="store_true", help="end at the first failure")
    return p.parse_args()


def main():
    args = arguments()
    storm = build_storm()
    work = [j for c in args.c or ["gcc", "gcc-tsan"]
            for j in jobs_of(c, args.k) if not args.m or j[1] in args.m]
    if not work:
        print("soak: nothing matches", file=sys.stderr)
        return 2
    soak = Soak(args.t, args.x)
    try:
        while not soak.over():
            random.SystemRandom().shuffle(work)
            for config, mode, test in work:
                soak.run(Job(config, mode, test, storm))
                if soak.over():
                    break
    except KeyboardInterrupt:
        print("\ninterrupted")
    finally:
        soak.kill()
    soak.now = "done"
    soak.progress(force=True)
    print()
    for name in soak.failed:
        print(f"failed: {name}")
    return 1 if soak.failed or not soak.runs else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
