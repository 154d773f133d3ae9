#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mutation testing: each bug listed in tests/mutants/*.toml is seeded into a
copy of the tree; its killer must pass without the bug and fail with it, saying
what the list expects.  tests/mutants/README.md describes the lists.

The status is 0 if every mutant was killed, 1 if not, 2 for a wrong call."""
import argparse
import concurrent.futures
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/mutants"))
import mutantlist  # noqa: E402

WORK = ROOT / "build/mutants"
RESULTS = WORK / "results.json"
TABLE = ROOT / "docs/mutants.md"
TIMEOUT = 120
TRIES = 3

# Build configurations of the killers: environment, meson options.
CONFIGS = {
    "plain": ({"CC": "gcc"}, []),
    "tsan": ({"CC": "gcc"}, ["-Db_sanitize=thread"]),
    "asan": ({"CC": "clang"}, ["-Db_sanitize=address,undefined",
                               "-Dc_args=['-fno-sanitize-recover=all',"
                               "'-fsanitize=fuzzer-no-link']"]),
}
TEST_ENV = {
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:history_size=4:"
                    "atexit_sleep_ms=0",
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "LC_ALL": "C.UTF-8",
}


CHILDREN = set()  # what runs now


def end(status):
    """At once, with all that was started: not when every worker is done."""
    for child in list(CHILDREN):
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os._exit(status)


class Broken(Exception):
    """The mutant or its killer cannot be judged: a failure of the run."""


def run(cmd, cwd, env=None, timeout=None):
    """(status, output); a run that takes too long says so in its output."""
    with subprocess.Popen(
            list(map(str, cmd)), cwd=cwd, env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True) as child:
        CHILDREN.add(child)
        try:
            out, _ = child.communicate(timeout=timeout)
            return child.returncode, out
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, _ = child.communicate()
            return -1, f"{out}\nTIMEOUT after {timeout} s\n"
        finally:
            CHILDREN.discard(child)


def last_lines(text, n=12):
    return "\n".join("    " + l for l in text.strip().splitlines()[-n:])


def introspect(what, folder):
    out = subprocess.run(["meson", "introspect", what, str(folder)],
                         check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


class Tree:
    """A copy of the tree, with build folders of its own, of one worker."""

    def __init__(self, number):
        self.top = WORK / str(number) / "src"
        self.build_top = WORK / str(number)
        self.clean = {}   # killer -> None or what was wrong
        self.tests = {}   # build folder -> {name: test}
        self.sync()

    def sync(self):
        """Make the copy what the tree is, touching only what differs."""
        names = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
            check=True, capture_output=True, text=True).stdout.split("\0")
        names = {n for n in names if n and (ROOT / n).is_file()}
        for name in sorted(names):
            source, copy = ROOT / name, self.top / name
            if not copy.is_file() or copy.read_bytes() != source.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                shutil.copymode(source, copy)
        for path in list(self.top.glob("**/*")):
            if path.is_file() and \
                    path.relative_to(self.top).as_posix() not in names:
                path.unlink()

    def build(self, config, stack):
        """The folder of a configuration, set up, with its tests known."""
        folder = self.build_top / (config + ("-stack" if stack else ""))
        if folder in self.tests:
            return folder
        env, options = CONFIGS[config]
        setup = ["meson", "setup", folder, self.top, "-Dwerror=false",
                 f"-Dstack={'true' if stack else 'false'}"] + options
        if (folder / "build.ninja").exists():
            setup.append("--reconfigure")
        status, out = run(setup, self.top, env)
        if status != 0 and folder.exists():
            shutil.rmtree(folder)
            status, out = run([s for s in setup if s != "--reconfigure"],
                              self.top, env)
        if status != 0:
            raise Broken(f"meson setup failed:\n{last_lines(out)}")
        tests = introspect("--tests", folder)
        files = {t["id"]: t["filename"]
                 for t in introspect("--targets", folder)}
        for t in tests:   # what it depends on is told by id
            t["files"] = [f for d in t.get("depends", [])
                          for f in files.get(d, [])]
        self.tests[folder] = {t["name"]: t for t in tests}
        return folder

    def test(self, folder, names):
        for name in names:
            if name in self.tests[folder]:
                return self.tests[folder][name]
        raise Broken(f"there is no test {names[0]}")

    def compile(self, folder, test):
        """(status, output) of building what the test runs."""
        targets = []
        for word in test["cmd"] + test["files"]:
            path = pathlib.Path(word)
            if path.is_absolute() and path.is_relative_to(folder):
                targets.append(path.relative_to(folder).as_posix())
        known = self.known_targets(folder)
        targets = [t for t in targets if t in known]
        if not targets:
            return 0, "nothing to build"
        return run(["ninja", "-C", folder, *targets], self.top, timeout=900)

    def known_targets(self, folder):
        key = (folder, "targets")
        if key not in self.tests:
            _, out = run(["ninja", "-C", folder, "-t", "targets", "all"],
                         self.top)
            self.tests[key] = {l.rsplit(":", 1)[0] for l in out.splitlines()}
        return self.tests[key]


class Killer:
    """What finds a mutant: KIND:NAME, or the name of a meson test."""

    def __init__(self, text, stack):
        kind, _, name = text.rpartition(":")
        self.kind, self.name, self.stack = kind, name, stack
        if text == "compile":
            self.kind = "compile"

    def run(self, tree, m, once):
        """(it found nothing, output); output says "compiles" for a killer
        that is the compiler."""
        if self.kind == "lint":
            script = tree.top / f"tests/lint/{self.name}.py"
            folder = tree.build("plain", self.stack)
            status, out = run([sys.executable, script, tree.top, folder],
                              tree.top, timeout=TIMEOUT)
            return status == 0, out
        config = self.kind if self.kind in CONFIGS else "plain"
        folder = tree.build(config, self.stack)
        if self.kind == "compile":
            status, out = run(["ninja", "-C", folder, "-k", "0"], tree.top,
                              timeout=900)
            return status == 0, out
        prefix = {"wsim": "wsim_", "model": "model_"}.get(self.kind, "")
        test = tree.test(folder, [prefix + self.name, self.name])
        status, out = tree.compile(folder, test)
        if status != 0:
            raise Broken(f"it does not compile:\n{last_lines(out)}")
        return self.run_test(test, folder, m, once)

    def runs(self, m, once):
        """The environments of the runs that may find the bug: the simulator
        finds most within few executions."""
        if once:
            return [{}]
        if self.kind == "wsim":
            return [{"WSIM_N": "4000"}, {"WSIM_N": "40000"}, {}]
        return [{}] * m.get("tries", TRIES)

    def run_test(self, test, folder, m, once):
        cmd = list(test["cmd"])
        if m.get("filter") and "--tap=-" in cmd:
            cmd.append(f"--filter={m['filter']}")
        env = {**TEST_ENV, **test["env"], **m.get("env", {})}
        out = ""
        for more in self.runs(m, once):
            status, out = run(randomised(cmd), test.get("workdir") or folder,
                              {**env, **more}, m.get("timeout", TIMEOUT))
            if status == 77:
                raise Broken(f"its killer was skipped:\n{last_lines(out)}")
            # Of few executions only a failure counts, not that a test of the
            # simulator's which must fail has not done so yet.
            if more and not (re.search(r" in execution \d+", out)
                             and re.search(m["expect"], out, re.M)):
                continue
            if status != 0 or re.search(r"^not ok", out, re.M):
                return False, out
        return True, out


def randomised(cmd):
    """Old TSan runtimes cannot start where addresses are too random."""
    bits = pathlib.Path("/proc/sys/vm/mmap_rnd_bits")
    if bits.exists() and int(bits.read_text()) > 28 and \
            shutil.which("setarch"):
        return ["setarch", "-R"] + cmd
    return cmd


def judge(tree, m):
    """(line that shows the kill); raises Broken for a survivor."""
    stack = any(e["file"].startswith(("stack/", "drivers/", "apps/"))
                for e in m["edits"])
    killer = Killer(m["killer"], stack)
    key = (m["killer"], stack, m.get("filter"), str(m.get("env")))
    if key not in tree.clean:
        try:
            good, out = killer.run(tree, m, once=True)
            tree.clean[key] = None if good else \
                f"its killer fails without the bug:\n{last_lines(out)}"
        except Broken as e:
            tree.clean[key] = str(e)
    if tree.clean[key]:
        raise Broken(tree.clean[key])
    before = {e["file"]: (tree.top / e["file"]).read_text()
              for e in m["edits"]}
    try:
        for file, text in mutantlist.apply(m, before).items():
            (tree.top / file).write_text(text)
        good, out = killer.run(tree, m, once=False)
    finally:
        for file, text in before.items():
            (tree.top / file).write_text(text)
    if good:
        raise Broken("SURVIVED: its killer found nothing")
    found = re.search(m["expect"], out, re.M)
    if not found:
        raise Broken(f"killed, but not with /{m['expect']}/:\n"
                     f"{last_lines(out)}")
    start = out.rfind("\n", 0, found.start()) + 1
    end = out.find("\n", found.end())
    return out[start:end if end >= 0 else len(out)].strip()


def fingerprint(m):
    return hashlib.sha256(json.dumps(m, sort_keys=True).encode()).hexdigest()


class Run:
    def __init__(self, mutants, jobs):
        self.mutants, self.jobs = mutants, jobs
        self.done, self.bad = 0, []
        self.lock = threading.Lock()
        self.local = threading.local()
        self.trees = iter(range(jobs))
        self.results = {}
        if RESULTS.exists():
            self.results = json.loads(RESULTS.read_text())

    def tree(self):
        if not hasattr(self.local, "tree"):
            with self.lock:
                number = next(self.trees)
            self.local.tree = Tree(number)
        return self.local.tree

    def one(self, m):
        start, evidence, what = time.monotonic(), None, None
        try:
            evidence = judge(self.tree(), m)
        except Broken as e:
            what = str(e)
        took = time.monotonic() - start
        with self.lock:
            self.done += 1
            verdict = "killed" if what is None else "NOT KILLED"
            print(f"[{self.done:3}/{len(self.mutants)}] {verdict:10} "
                  f"{m['id']}  by {m['killer']}, {took:.1f} s: "
                  f"{evidence if what is None else what}", flush=True)
            if what is not None:
                self.bad.append(m["id"])
            self.results[m["id"]] = {
                "print": fingerprint(m), "killed": what is None,
                "evidence": evidence or ""}
            RESULTS.write_text(json.dumps(self.results, indent=1))

    def all(self):
        # One killer's mutants after each other, by one worker: its clean run
        # and its build serve them all.
        groups = {}
        for m in self.mutants:
            groups.setdefault(m["killer"], []).append(m)
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            jobs = [pool.submit(lambda g: [self.one(m) for m in g], g)
                    for g in sorted(groups.values(), key=len, reverse=True)]
            for job in jobs:
                job.result()
        killed = len(self.mutants) - len(self.bad)
        print(f"{killed} of {len(self.mutants)} killed"
              + (f"; not: {' '.join(self.bad)}" if self.bad else ""))
        return 1 if self.bad or not self.mutants else 0


def write_table(mutants):
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    missing = [m["id"] for m in mutants
               if not results.get(m["id"], {}).get("killed")
               or results[m["id"]]["print"] != fingerprint(m)]
    if missing:
        print("not killed in this tree yet, so no table: "
              + " ".join(missing), file=sys.stderr)
        return 1
    TABLE.write_text(mutantlist.table(ROOT, mutants))
    print(f"{TABLE.relative_to(ROOT)}: {len(mutants)} mutants")
    return 0


def arguments():
    p = argparse.ArgumentParser(
        prog="scripts/mutants", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-m", metavar="ID", action="append", default=[],
                   help="only this mutant, or all of this module; repeatable")
    p.add_argument("-j", metavar="N", type=int, default=os.cpu_count(),
                   help="copies of the tree to work in at once (%(default)s)")
    p.add_argument("--list", action="store_true", help="list the mutants")
    p.add_argument("--table", action="store_true",
                   help="run what has not been, then write docs/mutants.md")
    p.add_argument("--pairs", action="store_true",
                   help="list the ordering pairs that no mutant weakens")
    return p.parse_args()


def main():
    args = arguments()
    try:
        mutants = mutantlist.load(ROOT)
    except mutantlist.Wrong as e:
        sys.exit(f"mutants: {e}")
    if args.m:
        mutants = [m for m in mutants if m["id"] in args.m
                   or m["module"] in args.m]
        if not mutants:
            print("mutants: none is called that; try --list", file=sys.stderr)
            return 2
    if args.list:
        for m in mutants:
            print(f"{m['id']:34} {m['killer']:30} {m['edits'][0]['file']}")
        return 0
    if args.pairs:
        for file, pair in mutantlist.uncovered(ROOT, mutants):
            print(f"{file}: {pair}")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    with open(WORK / ".lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit("mutants: another run is using build/mutants")
        todo = mutants
        if args.table and RESULTS.exists():
            known = json.loads(RESULTS.read_text())
            todo = [m for m in mutants
                    if not known.get(m["id"], {}).get("killed")
                    or known[m["id"]]["print"] != fingerprint(m)]
        status = Run(todo, max(1, args.j)).all() if todo or not args.table \
            else 0
        if args.table and status == 0:
            status = write_table(mutants)
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: end(143))
    signal.signal(signal.SIGINT, lambda *_: end(130))
    sys.exit(main())
