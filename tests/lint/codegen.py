#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the fast paths are compiled to.  A read section: one store to enter, of
an online worker another one in its place, and one to leave.  It, a reference, a
hazard, a counter and a queue of two threads: no fence, no locked instruction,
and no call but the one that the first of a thread takes.  A reader with a fence
in it shows that one would be seen."""
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import tree

SOURCE = """
#include "libsync/hazard/hazard.h"
#include "libsync/lfqueue/spsc.h"
#include "libsync/percpu/counters.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/psref/psref.h"
int holder(struct psref_target *t, struct psref_class *c, int *const *p);
int holder(struct psref_target *t, struct psref_class *c, int *const *p)
{
	struct psref ref;
	psref_acquire(&ref, t, c);
	int v = **p;
	psref_release(&ref, t, c);
	return v;
}
int protector(struct hazard *h, const struct hazard_ptr *p);
int protector(struct hazard *h, const struct hazard_ptr *p)
{
	int v = *(int *)hazard_protect(h, p);
	hazard_clear(h);
	return v;
}
void counter(struct percpu_counters *c, unsigned shard);
void counter(struct percpu_counters *c, unsigned shard)
{
	percpu_counters_add(c, shard, 0, 1);
}
void *mover(struct lfqueue_spsc *q, void *item);
void *mover(struct lfqueue_spsc *q, void *item)
{
	return lfqueue_spsc_push(q, item) ? lfqueue_spsc_pop(q) : (void *)0;
}
int reader(int *const *p);
int fenced(int *const *p);
int reader(int *const *p)
{
	uint64_t s = pserialize_read_enter();
	int v = *__atomic_load_n(p, __ATOMIC_ACQUIRE);
	pserialize_read_exit(s);
	return v;
}
int fenced(int *const *p)
{
	uint64_t s = pserialize_read_enter();
	sync_fence_full();
	int v = *__atomic_load_n(p, __ATOMIC_ACQUIRE);
	pserialize_read_exit(s);
	return v;
}
"""
ORDERED = re.compile(r"\b(lock|xchg\w*|mfence|lfence|sfence|cmpxchg\w*|cpuid)\b")
TLS_STORE = re.compile(r"\bmov\w*\s+[%$][^,]+,%fs:")
FAST = ("reader", "holder", "protector", "counter", "mover")
SLOW = re.compile(r"\b(pserialize_enter_slow|sync_fence_light_slow|"
                  r"psref_ring|psref_(hold|let_go)_slow)\b")
NOP = re.compile(r"\bxchg\s+%ax,%ax")


def functions(top, folder, compiler, flags):
    """{name: [instruction]} of SOURCE"""
    src, obj = folder / "reader.c", folder / "reader.o"
    src.write_text(SOURCE)
    subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", f"-I{top}", "-c",
                    str(src), "-o", str(obj)] + flags, check=True)
    text = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", str(obj)],
                          check=True, capture_output=True, text=True).stdout
    found = {}
    for part in re.split(r"\n(?=[0-9a-f]+ <)", text):
        m = re.match(r"[0-9a-f]+ <(\w+)>:", part)
        if m:
            found[m.group(1)] = part.splitlines()[1:]
    return found


def check(where, code, report):
    for line in code:
        if ORDERED.search(line) and not NOP.search(line):
            report(where, f"orders or locks: {line.strip()}")
    calls = [line for line in code if "R_X86_64_PLT32" in line or
             "R_X86_64_PC32" in line and "tls" in line]
    for line in calls:
        if not SLOW.search(line):
            report(where, f"calls: {line.strip()}")


def check_stores(where, code, report):
    stores = [line for line in code if TLS_STORE.search(line)]
    if len(stores) not in (2, 3):
        report(where, f"{len(stores)} stores to the thread's word")


def main():
    top, report, count = tree.root(), tree.Report(), 0
    compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
    if platform.machine() != "x86_64" or not compilers:
        print("reads x86-64 code of gcc or clang")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers:
            for flags in (["-O2"], ["-O2", "-fPIC"], ["-O2", "-fPIE"]):
                count += 1
                where = f"{compiler} {' '.join(flags)}"
                code = functions(top, pathlib.Path(folder), compiler, flags)
                for name in FAST:
                    check(f"{name}, {where}", code[name], report)
                check_stores(where, code["reader"], report)
                if not any(ORDERED.search(line) for line in code["fenced"]):
                    report(where, "the fence of the control is not seen")
    report.end(count, "compilations")


main()
