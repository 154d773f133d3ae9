#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each lint passes a small tree that keeps the rules, and reports each of these
violations of them."""
import pathlib
import subprocess
import sys
import tempfile

import tree

LICENCE = "/* SPDX-License-Identifier: BSD-2-Clause */\n\n"
GOOD = LICENCE + '''/*
 * A cell.
 *
 * Ordering pairs
 *   CELL  put stores v (release) -> get loads v (acquire): filled before seen.
 */

#include "libsync/base/atomic.h"

void
put(struct cell *c)
{
	/* CELL release: pairs with the acquire in get. */
	sync_store_release(
	    &c->cell_of_which_the_name_is_long, value_of_which_the_name_is);
}

int
get(struct cell *c)
{
	/* CELL acquire: pairs with the release in put. */
	return sync_load_acquire(&c->v);
}
'''
FILE = "libsync/lfqueue/cell.c"

# lint, file, what to replace in GOOD, by what
VIOLATIONS = [
    ("pairs", FILE, "/* CELL acquire: pairs with the release in put. */", ""),
    ("pairs", FILE, "CELL acquire: pairs with the release in put.", "Read it."),
    ("pairs", FILE, "/* CELL acquire: pairs", "/* CALL acquire: pairs"),
    ("pairs", FILE, "	/* CELL release: pairs with the acquire in get. */\n",
     "	/* CELL release: pairs with the acquire in get. */\n\n	;\n"),
    ("pairs", FILE, "sync_load_acquire", "sync_load_seq_cst"),
    ("pairs", FILE, "acquire: pairs with the release in put. */\n	return "
     "sync_load_acquire", "release: as in put. */\n	return sync_load_release"),
    ("layers", FILE, "libsync/base/atomic.h", "stack/core/pkt.h"),
    ("layers", FILE, "libsync/base/atomic.h", "atomic.h"),
    ("layers", FILE, "libsync/base/atomic.h", "libsync/pslist/pslist_impl.h"),
    ("layers", "libsync/new/cell.c", "", ""),
    ("sizes", FILE, "{\n", "{\n" + "	x();\n" * 61),
    ("sizes", FILE, "int\nget", "\n" * 800 + "int\nget"),
    ("forbidden", FILE, LICENCE, ""),
    ("forbidden", FILE, "int\nget", "volatile int\nget"),
    ("forbidden", FILE, '"libsync/base/atomic.h"', "<stdatomic.h>"),
    ("forbidden", FILE, "sync_load_acquire", "__atomic_load_n"),
    ("forbidden", FILE, "int\nget", "typedef struct { int x; } y;\nint\nget"),
    ("forbidden", FILE, "A cell.", "A cell, TO" + "DO."),
    ("forbidden", FILE, "int\nget", "__attribute__((no_sanitize))\nint\nget"),
    ("forbidden", FILE, '"libsync/base/atomic.h"', "<stdint.h>"),
    ("forbidden", FILE, "int\nget", "__thread int v;\nint\nget"),
    ("forbidden", FILE, "	return sync", "	__asm__(\"\");\n	return sync"),
    ("forbidden", FILE, "int\nget", "unsigned __int128 v;\nint\nget"),
    ("forbidden", "libsync/lfqueue/cell.h", "", ""),
    ("forbidden", "tests/tsan.supp", "", ""),
    ("format", FILE, "int\nget", "int get"),
]

# folder, code of <folder>/cell.c, does the archive of it pass?
ARCHIVES = [
    ("stack/core", "int cell_get(void) { return 1; }", True),
    ("stack/core", "int other_get(void) { return 1; }", False),
    ("stack/core", "static int n; int cell_get(void) { return n++; }", False),
    ("stack/core", "__thread int cell_n;", False),
    ("stack/core", "static const char *const n[] = {\"a\"};"
     "const char *cell_get(int i) { return n[i]; }", True),
    ("drivers/wire", "int wire_n = 1;", False),
    ("libsync/lfqueue", "int cell_get(void) { return 1; }", False),
    ("libsync/lfqueue", "int getpid(void);"
     "int lfqueue_cell_get(void) { return getpid(); }", False),
    ("libsync/port/user", "int getpid(void);"
     "int sync_get(void) { return getpid(); }", True),
]

# code of an object, does it pass CELLS?
CELLS = "@more\ngetpid  # why\nkill ?\n"
OBJECTS = [
    ("int getpid(void); int get(void) { return getpid(); }", True),
    ("int getpid(void), kill(int); int get(void) { return kill(getpid()); }",
     True),
    ("int getpid(void), read(int); int get(void) { return read(getpid()); }",
     True),
    ("int getpid(void), nice(int); int get(void) { return nice(getpid()); }",
     False),
    ("int kill(int); int get(void) { return kill(1); }", False),
]

MUTANT = '''
[[mutant]]
id = "cell-put-relaxed"
pair = "CELL"
file = "libsync/lfqueue/cell.c"
old = "/* CELL acquire: pairs with the release in put. */"
new = ""
killer = "tsan:cell"
expect = "data race"
why = "Not filled before it is seen."
'''

BUG = '''
[[bug]]
id = "cell-never-put"
test = "cell"
file = "libsync/lfqueue/cell.c"
old = "value_of_which_the_name_is"
new = "0"
why = "Nothing is put."
'''

# A small libsync for port.py: the host "user" is as the others, but for XCALL.
PORT_LIST = '''/*
 * == Every host
 *   port_get
 * == Cross-call: some
 *   port_call
 * == No host: shared
 *   port_twice
 */
'''
PORT_TREE = {
    "libsync/port/port.h": PORT_LIST,
    "libsync/port/twice.h": "#define port_twice() (2 * port_get())\n",
    "libsync/port/kernel/port.h": "int port_call(void);\n",
    "libsync/port/kernel/fence.c": "int f(void)\n{\n"
                                   "#ifdef XCALL\n	port_call();\n#endif\n}\n",
    "libsync/port/bare/port.c": "int\nport_call(void)\n{\n}\n",
    "libsync/cell/cell.c": "/* port_idle */ int\ncell(void)\n{\n"
                           "#ifdef XCALL\n	port_get();\n#endif\n}\n",
} | {f"libsync/port/{host}/port.h": "int port_get(void);\n"
     for host in ("user", "linux", "netbsd", "freebsd", "bare")}

# file of PORT_TREE, what to replace in it, by what
PORT_VIOLATIONS = [
    ("libsync/cell/cell.c", "port_get", "port_put"),
    ("libsync/cell/cell.c", "port_get", "port_call(PORT_ONE)"),
    ("libsync/port/kernel/fence.c", "port_call", "port_kick"),
    ("libsync/port/port.h", "port_call", "port_call, port_idle"),
    ("libsync/port/port.h", " *   port_call\n", ""),
    ("libsync/port/user/port.h", "port_get", "port_put"),
    ("libsync/port/bare/port.h", "port_get", "port_put"),
    ("libsync/port/bare/port.c", "port_call", "port_kick"),
    ("libsync/port/twice.h", "define port_twice()", "define twice() port_twice"),
]

# what to replace in MUTANT, by what
MUTANT_VIOLATIONS = [
    ("CELL acquire", "CALL acquire"),
    ("/* CELL acquire: pairs with the release in put. */", "CELL"),
    ("killer = \"tsan:cell\"", ""),
    ("killer = \"tsan:cell\"", "killer = \"luck:cell\""),
    ("pair =", "pear ="),
    ("cell.c", "sell.c"),
]


def plant(top, rel, text):
    path = pathlib.Path(top, rel)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def lint(name, top):
    script = pathlib.Path(__file__).with_name(name + ".py")
    run = subprocess.run([sys.executable, str(script), top], check=False,
                         capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def make_tree(top):
    for rel in ("libsync/base/atomic.h", "stack/core/pkt.h",
                "libsync/pslist/pslist_impl.h"):
        name = rel.replace("/", "_").replace(".", "_").upper()
        plant(top, rel, LICENCE + f"#ifndef {name}\n#define {name}\n\n"
              f"#endif /* {name} */\n")
    plant(top, ".clang-format", (tree.root() / ".clang-format").read_text())


def archive_passes(folder, code):
    with tempfile.TemporaryDirectory() as top:
        plant(top, f"{folder}/cell.c", code)
        product, inside = folder.split("/", 1)
        member = f"{top}/{inside.replace('/', '_')}_cell.c.o"
        build = pathlib.Path(top, "build", product)
        build.mkdir(parents=True)
        subprocess.run(["gcc", "-O1", "-fPIC", "-c", "-o", member,
                        f"{top}/{folder}/cell.c"], check=True)
        subprocess.run(["ar", "rc", f"{build}/lib.a", member], check=True)
        script = pathlib.Path(__file__).with_name("symbols.py")
        return subprocess.run(
            [sys.executable, str(script), top, f"{top}/build"], check=False,
            capture_output=True).returncode == 0


def object_passes(code):
    with tempfile.TemporaryDirectory() as top:
        plant(top, "tests/lint/undefined/cells.txt", CELLS)
        plant(top, "tests/lint/undefined/more.txt", "read")
        plant(top, "cell.c", code)
        subprocess.run(["gcc", "-O1", "-c", "-o", f"{top}/cell.o",
                        f"{top}/cell.c"], check=True)
        script = pathlib.Path(__file__).with_name("undefined.py")
        return subprocess.run(
            [sys.executable, str(script), top, "cells", f"{top}/cell.o"],
            check=False, capture_output=True).returncode == 0


def mutant_lint(old, new, page, bug=BUG):
    """Its status for MUTANT with old replaced, and this docs/mutants.md."""
    with tempfile.TemporaryDirectory() as top:
        plant(top, FILE, GOOD)
        plant(top, "tests/mutants/cell.toml", MUTANT.replace(old, new, 1))
        plant(top, "tests/kernel/bugs.toml", bug)
        if page is not None:
            plant(top, "docs/mutants.md", page)
        return lint("mutants", top)[0]


def check_mutant_lint(report):
    if mutant_lint("", "", None) != 0:
        report("mutants", "reports a good list")
    if mutant_lint("", "", "# Another table\n") != 1:
        report("mutants", "misses a stale table")
    if mutant_lint("", "", None, BUG.replace("value_of", "no_value_of")) != 1:
        report("mutants", "misses a bug of a kernel that does not fit")
    for old, new in MUTANT_VIOLATIONS:
        if old not in MUTANT or mutant_lint(old, new, None) != 1:
            report("mutants", f"misses {old!r} -> {new!r}")


def check_port_lint(report):
    for rel, old, new in [(next(iter(PORT_TREE)), "", ""), *PORT_VIOLATIONS]:
        with tempfile.TemporaryDirectory() as top:
            for name, text in PORT_TREE.items():
                plant(top, name, text)
            plant(top, rel, PORT_TREE[rel].replace(old, new, 1))
            status, said = lint("port", top)
            if status != (old != ""):
                report("port", f"{rel}: {old!r} -> {new!r}: {said}")


def main():
    report = tree.Report()
    for name in ("pairs", "layers", "sizes", "forbidden", "format"):
        with tempfile.TemporaryDirectory() as top:
            make_tree(top)
            plant(top, FILE, GOOD)
            status, said = lint(name, top)
            if status != 0:
                report(name, f"reports a good tree: {said}")
    for name, rel, old, new in VIOLATIONS:
        with tempfile.TemporaryDirectory() as top:
            make_tree(top)
            plant(top, FILE, GOOD)
            plant(top, rel, GOOD.replace(old, new, 1) if old else GOOD)
            if old and old not in GOOD:
                report(name, f"nothing to replace: {old!r}")
            if lint(name, top)[0] != 1:
                report(name, f"misses {old!r} -> {new[:60]!r} in {rel}")
    for folder, code, passes in ARCHIVES:
        if archive_passes(folder, code) != passes:
            report("symbols", f"{folder}: {code}: expected {passes}")
    for code, passes in OBJECTS:
        if object_passes(code) != passes:
            report("undefined", f"{code}: expected {passes}")
    check_mutant_lint(report)
    check_port_lint(report)
    report.end(len(VIOLATIONS) + len(ARCHIVES) + len(OBJECTS) +
               len(MUTANT_VIOLATIONS) + len(PORT_VIOLATIONS),
               "violations")


main()
