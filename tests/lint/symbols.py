#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the built archives export, keep and need.

A symbol is its path: an object of libsync/lfqueue exports lfqueue_*, one of
stack/core/pkt.c exports pkt_* or core_pkt_*, one of stack/route/fib4_ids.c
fib4_*, and stack/nexthop/nexthop.c proto_nexthop, too.  The stack and its
drivers keep no mutable globals.  The core of libsync, all but its port, needs nothing of its
host but what HOST lists."""
import pathlib
import re
import subprocess
import sys

import tree

# What a host that is no Unix provides too, or a port of libsync replaces.
HOST = re.compile(r"^(mem(cpy|move|set|cmp)|"
                  r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__tls_get_addr)$")
MUTABLE = (".data", ".bss", ".tdata", ".tbss", "*COM*")
READ_ONLY = (".data.rel.ro",)


def archives(build):
    """{folder: [archive]} of what the build made of the product's folders"""
    for folder in ("libsync", "stack", "drivers"):
        for path in sorted(pathlib.Path(build, folder).glob("**/*.a")):
            yield folder, path


def symbols(archive):
    """Yield (member, name, section, is_global) of each symbol."""
    out = subprocess.run(["objdump", "-t", str(archive)], check=True,
                         capture_output=True, text=True).stdout
    member = None
    for line in out.splitlines():
        m = re.match(r"(\S+):\s+file format", line)
        if m:
            member = m.group(1).rsplit("/", 1)[-1]
        m = re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+ (?:\.hidden )?(\S+)$",
                     line)
        if m:
            yield member, m.group(3), m.group(2), m.group(1)


def source_of(folder, archive, build, member):
    """core_pkt.c.o in build/stack/libstack.a -> stack/core/pkt, as far as the
    file exists: meson writes / as _."""
    base = archive.parent.relative_to(build).as_posix()
    stem = re.sub(r"\.c\.o$", "", member)
    stem = re.sub(r"^(?:\.\._)+", "", stem)
    top = tree.root()
    for path in (top / folder).glob("**/*.c"):
        rel = path.relative_to(top).as_posix()[:-2]
        for start in (base + "/", folder + "/"):
            if rel.startswith(start) and \
                    rel[len(start):].replace("/", "_") == stem:
                return rel
    return None


def prefixes(source):
    """What the names of a file may begin with."""
    parts = source.split("/")
    if parts[:2] in (["libsync", "base"], ["libsync", "port"]):
        return ("sync_", "port_", "libsync_", parts[-1] + "_")
    if parts[0] == "libsync":
        return (parts[1] + "_",)
    if parts[1] == "core":
        return (parts[-1] + "_", "core_", "stack_")
    if parts[1] == "route" and parts[2].startswith("fib"):
        return (parts[2].split("_")[0] + "_",)
    return (parts[1] + "_", f"proto_{parts[1]}_") if len(parts) == 3 else \
        (parts[-2] + "_", parts[1] + "_" + parts[2] + "_")


def starts_well(name, allowed):
    return name.startswith(allowed) or name + "_" in allowed


def check_archive(folder, archive, build, report):
    defined, needed = set(), {}
    for member, name, section, flags in symbols(archive):
        source = source_of(folder, archive, build, member)
        if source is None:
            report(archive.name, f"{member} is of no source file")
            return
        if section == "*UND*":
            needed.setdefault(name, source)
            continue
        if "g" in flags[0] or section == "*COM*":
            defined.add(name)
            if not starts_well(name, prefixes(source)):
                report(source + ".c", f"exports {name}, which is not of its "
                       f"path ({' or '.join(prefixes(source))})")
        kept = section.startswith(MUTABLE) and not section.startswith(READ_ONLY)
        if folder != "libsync" and kept and "d" not in flags:
            report(source + ".c", f"keeps mutable {name} in {section}")
    if folder == "libsync":
        for name, source in sorted(needed.items()):
            if name not in defined and not HOST.match(name) and \
                    not source.startswith("libsync/port/"):
                report(source + ".c", f"needs {name} of its host")


def main():
    build = pathlib.Path(sys.argv[2]).resolve()
    report, count = tree.Report(), 0
    for folder, archive in archives(build):
        count += 1
        check_archive(folder, archive, build, report)
    report.end(count, "archives")


main()
