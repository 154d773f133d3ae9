#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the house rules leave out: hidden ordering, suppressions, struct
typedefs, notes to self; in libsync, what only some hosts have; and what each
file begins with."""
import re

import tree

LICENCE = "/* SPDX-License-Identifier: BSD-2-Clause */\n"
ORDERED = ("libsync/base/", "libsync/port/")

# (pattern in code, what it is, folders where it is right)
IN_CODE = [
    (r"\bvolatile\b(?!\s+sig_atomic_t)|\b__volatile__\b",
     "volatile", ORDERED + ("benchmarks/",)),
    (r"<stdatomic\.h>|\b_Atomic\b|\batomic_(?:load|store|init|exchange|"
     r"compare_\w+|fetch_\w+|flag_\w+)(?:_explicit)?\(", "C11 atomics", ()),
    (r"\b__(?:atomic|sync)_\w+\(", "atomic builtin", ORDERED + ("tests/wsim/",)),
    (r"\b__tsan_\w+\(|\bno_sanitize\w*|\bno_instrument\w*",
     "sanitizer annotation", ORDERED + ("tests/tsan/", "tests/wsim/")),
    (r"\b(?:__atomic_)?(?:thread|signal)_fence\(", "free fence",
     ORDERED + ("tests/wsim/",)),
    (r"\btypedef\s+(?:struct|union)\b", "struct typedef",
     ("libsync/compat/", "tests/kernel/bsd/kpi/")),
    (r"^#\s*pragma\s+once\b", "guard by pragma", ()),
]
# Of libsync, all but what knows its host.
CORE = "libsync/"
HOSTS = ("libsync/port/", "libsync/compat/")
IN_CORE = [
    (r"^#\s*include\s*<", "header of a host"),
    (r"\b(?:__)?asm(?:__)?\b", "assembler"),
    (r"\b__u?int128(?:_t)?\b|\b__(?:atomic|sync)_\w+_16\b",
     "sixteen bytes at once"),
    (r"\b__thread\b|\b_Thread_local\b|\bthread_local\b",
     "variable of a thread"),
]
IN_TEXT = [
    (r"\b(?:TODO|FIXME|XXX)\b", "note to self"),
    (r"\bNOLINT(?!\w*\([a-z.,\- ]+\))", "NOLINT that names no check"),
    (r"(?:gcc|clang|GCC) diagnostic ignored(?! \"-W)", "broad diagnostic"),
]
SUPPRESSIONS = re.compile(r"\.supp(?:ressions?)?$|suppressions?\.txt$")


def is_core(rel):
    return rel.startswith(CORE) and not rel.startswith(HOSTS)


def guard(rel):
    return re.sub(r"[^A-Za-z0-9]", "_", rel).upper()


def check_header(rel, text, report):
    name = guard(rel)
    if not re.search(rf"^#ifndef {name}\n#define {name}$", text, re.M):
        if "tsan/criterion" not in rel:
            report(rel, f"is not guarded by {name}")


def check_text(rel, text, report):
    code = tree.only_code(text)
    # An include is text to the compiler, not a string.
    code_lines = [raw if raw.startswith("#include") else line for raw, line in
                  zip(text.splitlines(), code.splitlines())]
    for n, line in enumerate(code_lines, 1):
        for pattern, what, allowed in IN_CODE:
            if re.search(pattern, line) and not rel.startswith(allowed):
                report(f"{rel}:{n}", f"{what}: {line.strip()}")
        for pattern, what in IN_CORE if is_core(rel) else ():
            if re.search(pattern, line):
                report(f"{rel}:{n}", f"{what}: {line.strip()}")
    for n, line in enumerate(text.splitlines(), 1):
        for pattern, what in IN_TEXT:
            if re.search(pattern, line):
                report(f"{rel}:{n}", f"{what}: {line.strip()}")


def main():
    top, report, count = tree.root(), tree.Report(), 0
    for rel, text in tree.sources(top, (".c", ".h", ".cc")):
        count += 1
        if not text.startswith(LICENCE):
            report(rel, "does not begin with the licence line")
        if rel.endswith(".h"):
            check_header(rel, text, report)
        check_text(rel, text, report)
    for folder in tree.FOLDERS + ("scripts", ".ci"):
        for path in (top / folder).glob("**/*"):
            if SUPPRESSIONS.search(path.name):
                report(path.relative_to(top), "suppression file")
    report.end(count)


main()
