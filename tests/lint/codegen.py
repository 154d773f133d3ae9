#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the fast paths are compiled to, on each machine that there is a compiler
for: fastpaths.c, and the lookup of radix_lf.

In user space, and on bare metal in each variant: no fence, no locked
instruction, no exclusive load or store, and no call but the ones that the first
use of a thread takes.  What is left in order:
  x86-64   nothing: a plain store is a release
  aarch64  loads ldar, ldapr and stores stlr
  riscv64  fence r,rw behind a load, fence rw,w in front of a store
The variants are the same code: where a section needs a fence, because the host
has no calls to other processors and does not say when one is quiescent, its word
leads to pserialize_enter_slow(), and that of a reference to
sync_fence_light_slow().
A section is one store to enter, of an online worker another one in its place,
and one to leave.  A section with sync_fence_full() in it has to be found, and so
have headers with one in the wrong place.

  codegen.py ROOT BUILD         all of this
  codegen.py ROOT linux FILE    fastpaths.c as the kernel's own build compiled it
                                for x86-64, with what preemption, interrupts and
                                mitigations add to it"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import targets
import tree

PROBES = "tests/lint/fastpaths.c"
CONTROL = "fastpaths_fenced"

# Calls that the first use of a thread takes.
SLOW = re.compile(r"^(pserialize_enter_slow|sync_fence_light_slow|psref_ring|"
                  r"psref_(hold|let_go)_slow)$")

# Fences that do not belong there: header, where, and the probe to find it by.
FULL = "sync_fence_full(); "
SEEDS = [
    ("libsync/pserialize/pserialize.h", "sync_fence_compiler(); /* light",
     "fastpaths_section"),
    ("libsync/psref/psref.h", "/* SLOT release: pairs", "fastpaths_reference"),
    ("libsync/pslist/pslist.h", "return sync_load_acquire(&h->first.to);",
     "fastpaths_list"),
]

# What the compiler's own library has for riscv64 without an instruction for it.
OWN = {"fastpaths_match": r"^__ctzdi2$"}

# What Linux puts into all code, the end of preemption, and interrupts off and on
# where a hypervisor may do that, which is one instruction each once it has booted.
LINUX = re.compile(r"^(__fentry__|__x86_return_thunk|__SCT__preempt_schedule|"
                   r"\*pv_ops\b.*|port_(un)?pin|__stack_chk_fail)$")

# In the library: functions, and what they call besides.
LIBRARY = {
    "libsync/radix_lf/radix_lf.c": {
        "radix_lf_lookup": r"^radix_lf_walk_lookup$"},
    "libsync/radix_lf/walk.c": {
        "radix_lf_walk_lookup": r"^(reach|shared_bits|any_item|"
                                r"\*.*|[ax]\d+)$"},  # cfg.item_bits
}

COMMENT = {"x86-64": "#", "aarch64": "//", "riscv64": "#"}
ORDERED = {
    "x86-64": r"^(lock|xchg\w*|[mls]fence|cmpxchg\w*|xadd\w*|cpuid)\b",
    "aarch64": r"^(dmb|dsb|isb|lda?xr\w*|lda?xp|stl?xr\w*|stl?xp|cas\w*|"
               r"swp\w*|(ld|st)(add|clr|eor|set|[su]max|[su]min)\w*)\b",
    "riscv64": r"^(fence|fence\.\w+|amo\w+(\.\w+)*|[ls][rc]\.[wd](\.\w+)*)\b",
}
# Of these, the ones that are no more than the order of one load or store.
PLAIN = {
    "x86-64": r"^xchg\w*\s+%\w+,\s*%\w+$",
    "aarch64": r"^$",
    "riscv64": r"^fence\s+(r,\s*rw|rw,\s*w|ir,\s*iorw|iorw,\s*ow)$",
}
JUMP = {
    "x86-64": r"^(?:callq?|j\w+)\s+(\*?[\w.$@*()%,]+)",
    "aarch64": r"^(?:bl|blr|b|b\.\w+|br|cbn?z\s+\w+,|tbn?z\s+\w+,\s*#?\w+,)"
               r"\s+([\w.$]+)$",
    "riscv64": r"^(?:call|tail|j|jal|jr|jalr|b\w+\s+\w+,(?:\s*\w+,)?)\s*"
               r"([\w.$@()]+)$",
}
RETURN = {"x86-64": None, "aarch64": None, "riscv64": r"^(jr\s+ra|ret)$"}
# A store to the word that says that the reader is inside.
STORE = {
    "x86-64": r"^mov\w*\s+[%$][^,]+,\s*%fs:",
    "aarch64": r"^stlr\b",
    "riscv64": r"^fence\s+(rw,\s*w|iorw,\s*ow)$",
}


def assemble(command, flags, source):
    """The assembly of a source file, or what the compiler said."""
    run = subprocess.run([*command, *flags, "-Wall", "-Werror", "-S", "-fno-verbose-asm", "-o", "-",
                          source], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} {source}: {run.stderr}")
    return run.stdout


def functions(text, isa):
    """{name: [instruction]}; a part that the compiler moved away, name.cold,
    counts for name."""
    found, name = {}, None
    for line in text.splitlines():
        line = line.split(COMMENT[isa])[0].strip()
        label = re.match(r'^"?([A-Za-z_]\w*)[\w.]*"?:$', line)
        if label:
            name = label.group(1)
            found.setdefault(name, [])
        elif line.startswith(".size"):
            name = None
        elif name and line and not line.startswith(".") and \
                not line.endswith(":"):
            found[name].append(" ".join(line.split()))
    return found


def ordered(code, isa):
    return [i for i in code if re.match(ORDERED[isa], i) and
            not re.match(PLAIN[isa], i)]


def calls(code, isa, own):
    """The functions that this one calls or jumps to."""
    for line in code:
        m = re.match(JUMP[isa], line)
        if m is None or RETURN[isa] and re.match(RETURN[isa], line):
            continue
        target = m.group(1).split("@")[0]
        if not target.startswith(".L") and target.split(".")[0] != own:
            yield target


class Build:
    """One compilation of all of it."""

    def __init__(self, isa, host, name, command, flags):
        self.isa, self.command, self.flags = isa, command, flags
        # In a kernel of x86-64 it looks like any other.
        self.store = STORE[isa] if (host, isa) != ("bare", "x86-64") else ""
        self.where = " ".join([host, isa, name] + [
            f for f in flags if re.match(r"-(O|fPI|DLIBSYNC_V)", f)])

    def read(self, source):
        return functions(assemble(self.command, self.flags, source), self.isa)

    def findings(self):
        """[(where, what)]"""
        found = []
        probes = self.read(PROBES)
        control = probes.pop(CONTROL)
        for name, code in probes.items():
            if name.startswith("fastpaths_"):
                found += self.judge(name, code, OWN.get(name, "^$"))
        for source, names in LIBRARY.items():
            code = self.read(source)
            for name, more in names.items():
                found += self.judge(name, code[name], more)
        stores = [i for i in probes["fastpaths_section"]
                  if re.match(self.store, i)]
        if self.store and len(stores) not in (2, 3):
            found.append((self.where,
                          f"{len(stores)} stores to the reader's word"))
        if len(ordered(control, self.isa)) != 1 + len(
                ordered(probes["fastpaths_section"], self.isa)):
            found.append((self.where, "the fence of the control is not seen"))
        return found

    def judge(self, name, code, more):
        found = [(f"{name}, {self.where}", f"orders or locks: {i}")
                 for i in ordered(code, self.isa)]
        found += [(f"{name}, {self.where}", f"calls {target}")
                  for target in calls(code, self.isa, name)
                  if not SLOW.match(target) and not re.match(more, target)]
        return found


def unseen(build):
    """[(where, what)] of seeds that this compilation does not show."""
    for header, old, probe in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(header).read_text()
            seeded = pathlib.Path(folder, header)
            seeded.parent.mkdir(parents=True)
            seeded.write_text(text.replace(old, FULL + old, 1))
            code = Build(build.isa, "seeded", "", build.command,
                         [f"-I{folder}", *build.flags]).read(PROBES)
        if old not in text:
            yield header, f"nothing to seed: {old}"
        elif not ordered(code[probe], build.isa):
            yield build.where, f"a fence in {header} is not seen"


def check_linux(text, report):
    """The findings in assembly that Linux's build made of fastpaths.c."""
    code = {name: lines for name, lines in functions(text, "x86-64").items()
            if name.startswith("fastpaths_")}
    if not ordered(code.pop(CONTROL), "x86-64"):
        report("linux", "the fence of the control is not seen")
    for name, lines in code.items():
        for line in ordered(lines, "x86-64"):
            report(name, f"orders or locks: {line}")
        for target in calls(lines, "x86-64", name):
            if not SLOW.match(target) and not LINUX.match(target):
                report(name, f"calls {target}")
    return len(code)


def user_builds(isa):
    flags = targets.user_flags(isa)
    if flags is None:
        return
    for name, command in targets.compilers(isa):
        for pic in ([], ["-fPIC"], ["-fPIE"]) if isa == "x86-64" else ([],):
            yield Build(isa, "user", name, command,
                        [*flags, "-I.", "-O2", "-DFASTPATHS_HAZARD", *pic])


def bare_builds(isa):
    for name, command in targets.compilers(isa):
        for variant in targets.VARIANTS:
            yield Build(isa, "bare", name, command,
                        [*targets.bare_flags(isa, command, variant), "-I.",
                         "-O2"])


def main():
    top, report = tree.root(), tree.Report()
    os.chdir(top)
    if sys.argv[2:3] == ["linux"]:
        report.end(check_linux(pathlib.Path(sys.argv[3]).read_text(), report),
                   "functions")
    builds = [b for isa in targets.TRIPLES for b in
              (*user_builds(isa), *bare_builds(isa))]
    if not builds:
        print("no compiler")
        sys.exit(77)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(Build.findings, builds):
            for where, what in found:
                report(where, what)
        first = {b.isa: b for b in reversed(builds)}.values()
        for found in pool.map(lambda b: list(unseen(b)), first):
            for where, what in found:
                report(where, what)
    for isa in targets.TRIPLES:
        print(isa, *sorted({b.where.split()[2] for b in builds
                            if b.isa == isa}) or ["left out: no compiler"])
    report.end(len(builds), "compilations")


if __name__ == "__main__":
    main()
