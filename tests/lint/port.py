#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""libsync/port/port.h lists the names that a host defines, in groups by variant.
What the core, and what hosts share, use is on it, whatever the variant: the text
is looked at, and no compiler leaves a branch out.  Each name on it is used; those
of every host are in each host, those of another group in one at least, and those
of none come from what hosts share."""
import re

import tree

LIST = "libsync/port/port.h"
HOSTS = ("user", "linux", "netbsd", "freebsd", "bare")
KERNEL = "kernel"  # what all but the first share
NAME = r"\b(?:port|PORT)_\w+"
EVERY, NO_HOST = "Every host", "No host"


def read_list(text):
    """{name: heading of its group}, of the comment that has the groups."""
    comment = re.search(r"/\*(?:(?!\*/).)*^ \* == .*?\*/", text, re.S | re.M)
    found, group = {}, None
    for line in comment.group(0).splitlines() if comment else ():
        head = re.match(r" \* == ([^:]+)", line)
        if head:
            group = head.group(1).strip()
        elif group:
            for name in re.findall(NAME, line):
                found.setdefault(name, group)
    return found


def definitions(code):
    """Of a file that hosts share: what it makes, and not only declares."""
    found = re.findall(rf"^#\s*define ({NAME})", code, re.M)
    found += re.findall(rf"^({NAME})\([^;{{]*\)\n\{{", code, re.M)
    found += re.findall(rf"\bstruct ({NAME}) \{{", code)
    found += re.findall(rf"\btypedef [^;]*?({NAME})", code)
    return set(found)


def main():
    top, report = tree.root(), tree.Report()
    core, shared, made, hosts = {}, {}, set(), {h: set() for h in HOSTS}
    for rel, text in tree.sources(top):
        folder = rel.split("/")[1:-1]
        if not rel.startswith("libsync/") or folder[:1] == ["compat"]:
            continue
        code = re.sub(rf"defined\(({NAME})\)", "", tree.only_code(text))
        names = set(re.findall(NAME, code))
        if folder[:1] != ["port"]:
            core |= {n: rel for n in names}
            made |= definitions(code)
        elif folder[1:2] and folder[1] in hosts:
            hosts[folder[1]] |= names
        else:
            shared |= {n: rel for n in names}
            made |= definitions(code)
            for host in HOSTS:
                if folder[1:2] != [KERNEL] or host != "user":
                    hosts[host] |= definitions(code)
    listed = read_list((top / LIST).read_text())
    used = core | {n: rel for n, rel in shared.items() if n not in made}
    for name in sorted(used.keys() - listed.keys()):
        report(used[name], f"uses {name}, which {LIST} does not list")
    for name, group in listed.items():
        having = [h for h in HOSTS if name in hosts[h]]
        if name not in core and name not in shared:
            report(LIST, f"lists {name}, which nothing uses")
        elif group == EVERY and len(having) < len(HOSTS):
            report(LIST, f"{name} is not in "
                   f"{', '.join(h for h in HOSTS if h not in having)}")
        elif group == NO_HOST and name not in made:
            report(LIST, f"{name} is not in what hosts share")
        elif not having:
            report(LIST, f"{name} is in no host")
    report.end(len(listed), "names")


main()
