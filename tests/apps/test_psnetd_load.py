#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tables loaded into psnetd as they are, by hand and by psnetctl: no root.

usage: test_psnetd_load.py BUILD-FOLDER
"""
import bz2
import gzip
import json
import lzma
import struct
import subprocess
import sys
import time

import daemon
from daemon import BUILD, large, load, make_list, select_now


def a_large_list_is_one_commit(d):
    before, n = d.routes(), large(100000)
    msgs = load(d, make_list(d, n))
    assert msgs[-1]["ok"] and msgs[-1]["result"]["routes"] == n, msgs[-1]
    phases = [m["progress"]["phase"] for m in msgs[:-1]]
    assert "parse" in phases and "commit" in phases, phases
    assert d.routes() == before + n
    assert "20.3.7.0/24 via 10.9.0.2 dev lo0\n" == d.ctl(
        "route", "show", "20.3.7.0/24")
    assert len(d.ctl("route").splitlines()) == len(d.ctl_json("route"))
    assert d.ctl("route", "flush", "root", "20.0.0.0/6", "proto",
                 "boot") == "removed %d\n" % n
    assert d.routes() == before


def a_bad_line_loads_nothing_and_is_named(d):
    before = d.routes()
    path = make_list(d, 5000, "10.0.0.1/8\n")
    assert "%s:5001: \"10.0.0.1/8\"" % path in d.ctl(
        "route", "load", path, "via", "10.9.0.2", status=2)
    path = make_list(d, 5000, "10.2.0.0/16\n")
    assert "%s:5001: \"10.2.0.0/16\": there is a route" % path in d.ctl(
        "route", "load", path, "via", "10.9.0.2", "proto", "static", status=2)
    path = make_list(d, 5000, "10.66.0.0/16 1.1.1.1\n")
    assert "%s:5001: \"1.1.1.1\": no connected" % path in d.ctl(
        "route", "load", path, "via", "10.9.0.2", status=2)
    assert d.routes() == before
    assert "\"/none\"" in d.ctl("route", "load", "/none", status=1)


def a_list_may_come_packed_or_by_a_pipe(d):
    path = make_list(d, 1000)
    packed = d.dir / "list.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    out = d.ctl("route", "load", packed, "via", "10.9.0.2")
    assert out.startswith("loaded 1000 routes in "), out
    out = d.ctl("-j", "route", "load", "-", "via", "10.9.0.3", "replace",
                input=path.read_text())
    assert json.loads(out)["routes"] == 1000, out
    assert "via 10.9.0.3" in d.ctl("route", "show", "20.0.5.0/24")
    d.ctl("route", "flush", "proto", "boot")


def a_file_is_what_its_content_says(d):
    before = d.routes()
    path = d.dir / "misleading.gz"
    path.write_bytes(lzma.compress(b"20.1.0.0/16\t7\n20.2.0.0/16\t8\n"))
    assert "\"20.1.0.0/16\": its next hop is an id" in d.ctl(
        "route", "load", path, status=2)
    assert d.ctl("route", "load", path, "via", "10.9.0.2").startswith(
        "loaded 2 routes")
    d.ctl("route", "flush", "proto", "boot")
    trace = "1\tA\t20.1.0.0/16\t1.1.1.1\n2.5\tA\t20.2.0.0/16\t1.1.1.1\n" \
        "3\tW\t20.1.0.0/16\t-\n"
    path.write_text(trace)
    out = d.ctl_json("route", "load", path, "via", "10.9.0.2")
    assert (out["routes"], out["format"]) == (1, "trace"), out
    assert d.ctl("route", "show", "20.2.0.0/16") != ""
    d.ctl("route", "flush", "proto", "boot")
    path.write_bytes(gzip.compress(b"20.1.0.0/16\n")[:-4])
    assert "the file ends in the middle of its gzip" in d.ctl(
        "route", "load", path, "via", "10.9.0.2", status=2)
    assert d.routes() == before


def a_dump_is_loaded_by_family_and_peer(d):
    before = d.routes()
    path = d.dir / "rib.mrt"

    def record(subtype, body):
        return struct.pack("!IHHI", 1, 13, subtype, len(body)) + body

    def route(peer):
        return struct.pack("!HIH", peer, 0, 7) + b"\x40\3\4" + bytes([10, 9, 0, 3])

    rib = record(1, bytes(6) + b"\0\2" + b"".join(
        bytes(5) + bytes([192, 0, 2, n]) + bytes(2) for n in (1, 2)))
    rib += record(2, bytes(4) + b"\x10\x14\1\0\2" + route(0) + route(1))
    rib += record(2, bytes(4) + b"\x10\x14\2\0\1" + route(0))
    six = record(4, bytes(4) + b"\x20\x20\1\x0d\xb8\0\1" + struct.pack(
        "!HIH", 0, 0, 0))
    path.write_bytes(bz2.compress(rib))
    out = d.ctl_json("route", "load", path)
    assert (out["routes"], out["skipped"], out["format"]) == (2, 1, "MRT"), out
    assert "via 10.9.0.3" in d.ctl("route", "show", "20.1.0.0/16")
    d.ctl("route", "flush", "proto", "boot")
    out = d.ctl("route", "load", path, "peer", "192.0.2.2", "via", "10.9.0.2")
    assert "loaded 1 routes" in out and "left out 2 of other" in out, out
    assert "via 10.9.0.2" in d.ctl("route", "show", "20.1.0.0/16")
    d.ctl("route", "flush", "proto", "boot")
    path.write_bytes(rib + six)
    assert "record 4: IPv6 routes are not supported" in d.ctl(
        "route", "load", path, status=2)
    assert d.ctl_json("route", "load", path, "family", "inet")["routes"] == 2
    assert "record 2: there is a route" in d.ctl(
        "route", "load", path, "family", "inet", status=2)
    d.ctl("route", "flush", "proto", "boot")
    path.write_bytes(rib[:-1])
    assert "record 3: the file ends in it" in d.ctl(
        "route", "load", path, status=2)
    assert "neither inet nor inet6" in d.ctl(
        "route", "load", path, "family", "ipx", status=2)
    assert "not an address" in d.ctl(
        "route", "load", path, "peer", "10.0.0.0/8", status=2)
    assert d.routes() == before


def a_table_is_exchanged_for_another_as_a_whole(d):
    before = d.routes()
    d.ctl("route", "add", "20.200.0.0/16", "via", "10.9.0.2", "proto", "77")
    old, new = d.dir / "old", d.dir / "new"
    old.write_text("".join("20.%d.0.0/16\n" % n for n in range(100)))
    new.write_text("".join("20.%d.0.0/16\n" % n for n in range(60, 180)))
    d.ctl("route", "load", old, "via", "10.9.0.2")
    out = d.ctl_json("route", "load", new, "via", "10.9.0.3", "whole")
    assert (out["routes"], out["removed"]) == (120, 60), out
    assert d.routes() == before + 121
    assert d.ctl("route", "show", "20.59.0.0/16") == ""
    assert "via 10.9.0.3" in d.ctl("route", "show", "20.60.0.0/16")
    assert "via 10.9.0.2" in d.ctl("route", "show", "20.200.0.0/16"), "another's"
    new.write_text("20.1.0.0/16\n20.2.0.0/16 1.1.1.1\n")
    assert "new:2: \"1.1.1.1\": no connected" in d.ctl(
        "route", "load", new, "via", "10.9.0.2", "whole", status=2)
    assert d.routes() == before + 121, "all or nothing"
    assert d.ctl("route", "flush", "proto", "boot") == "removed 120\n"
    d.ctl("route", "del", "20.200.0.0/16", "proto", "77")
    assert d.routes() == before


def a_table_is_not_exchanged_for_nothing(d):
    path = d.dir / "nothing"
    d.ctl("route", "add", "20.1.0.0/16", "via", "10.9.0.2")
    before = d.routes()
    dump = struct.pack("!IHHI", 1, 13, 1, 8) + bytes(8)
    table = bytes(4) + bytes([20, 1, 0, 0, 16, 1]) + bytes(4) + \
        bytes([192, 0, 2, 1]) + bytes(2) + b"\0\7\x40\3\4" + bytes([10, 9, 0, 3])
    table = struct.pack("!IHHI", 1, 12, 1, len(table)) + table
    for data, why, more in (
            (b"", "no route is in it; \"route flush\"", ()),
            (b"# nothing\n\n", "no route is in it", ()),
            (bytes(1200), "nothing:1: the line has a NUL", ()),
            (dump, "nothing: no route is in it", ()),
            (dump + bytes(500), "record 2: type 0 of MRT", ()),
            (dump[:-1], "record 1: the file ends in it", ()),
            (table, "all its routes are of other", ("peer", "192.0.2.9")),
            (table + table[:9], "record 2: the file ends in its header", ())):
        path.write_bytes(data)
        said = d.ctl("route", "load", path, "whole", *more, status=2)
        assert "%s:" % path in said and why in said, (why, said)
        assert d.routes() == before, "nothing is changed"
    path.write_bytes(b"# nothing\n")
    assert d.ctl_json("route", "load", path)["routes"] == 0, "not whole"
    path.write_bytes(table)
    assert d.ctl_json("route", "load", path, "whole")["routes"] == 1
    d.ctl("route", "del", "20.1.0.0/16")


def a_table_is_loaded_into_another_than_main(d):
    before = d.routes()
    path = make_list(d, 1000)
    out = d.ctl_json("route", "load", path, "via", "10.9.0.2", "dev", "lo0",
                     "table", "44")
    assert out["routes"] == 1000 and d.routes() == before, out
    assert "20.0.9.1 via 10.9.0.2 dev lo0 table 44" in d.ctl(
        "rule", "add", "lookup", "44", "pref", "3") + d.ctl(
            "route", "get", "20.0.9.1")
    stats = d.ctl_json("stats")
    tables = {t["table"]: t for t in stats["tables"]}
    assert tables["44"]["routes"] == 1000 and tables["44"]["compiled"], tables
    assert tables["main"]["routes"] == before == stats["routes"], tables
    fib = tables["44"]["fib"]
    assert fib["direct"] >= 1 << 20 and fib["blocks"] > 0, fib
    assert 0 < stats["arena"]["used"] <= stats["arena"]["mapped"], stats["arena"]
    text = d.ctl("stats")
    assert "\n44 " in text and "arena KiB: used" in text, text
    # Whole: of this table, and of no other.
    path = make_list(d, 600)
    out = d.ctl_json("route", "load", path, "via", "10.9.0.2", "dev", "lo0",
                     "table", "44", "whole")
    assert (out["routes"], out["removed"]) == (600, 400), out
    assert d.routes() == before
    assert "follows from" in d.ctl("route", "load", path, "table", "local",
                                  status=2)
    d.ctl("route", "flush", "table", "44")
    d.ctl("rule", "del", "pref", "3")


def others_are_served_while_a_list_is_loaded(d):
    path = make_list(d, large(300000))
    loader, c, late = d.client(), d.client(), d.client()
    asked, late_answered = 0, 0
    with path.open("rb") as f:
        loader.send("route.load", fd=f.fileno(), gateway="10.9.0.2")
    answered, done = 0, False
    while not done:
        assert c.ask("route.get", dst="10.2.3.4")["ok"]
        answered += 1
        # These look at what the commit works on, and wait for it.
        while late.buf or select_now(late.sock):
            assert late.line()["ok"]
            late_answered += 1
        if asked < late_answered + 4:
            late.send("route.get", dst="10.2.3.4", details=True)
            late.send("rule.show")
            late.send("stats.show")
            late.send("nexthop.show")
            asked += 4
        while loader.buf or select_now(loader.sock):
            if "ok" in loader.line():
                done = True
                break
    assert answered > 10, answered
    assert late_answered > 0, asked
    # What changes the stack waits for the commit and is done then.
    with path.open("rb") as f:
        loader.send("route.load", fd=f.fileno(), gateway="10.9.0.3",
                    replace=True)
    assert c.ask("route.add", dst="10.67.0.0/16", gateway="10.9.0.2")["ok"]
    while "ok" not in loader.line():
        pass
    d.ctl("route", "flush", "proto", "boot")


def routes_of_objects_are_shown_while_a_list_is_loaded(d):
    path = d.dir / "ids"

    def write(first, n):
        path.write_text("".join("%d.%d.%d.0/24 %d\n" % (
            first + (i >> 16), i >> 8 & 255, i & 255, 1 + i % 2)
            for i in range(n)))

    d.ctl("nexthop", "add", "id", "1", "via", "10.9.0.3", "dev", "lo0")
    d.ctl("nexthop", "add", "id", "2", "via", "10.8.0.9", "dev", "east")
    write(30, 20000)
    d.ctl("route", "load", path, "nhid", "table", "50")
    d.ctl("route", "add", "11.0.0.0/8", "nhid", "1")
    write(40, large(400000))
    loader, c, early = d.client(), d.client(), d.client()
    early.send("route.show", table="50")    # goes on when it is read
    with path.open("rb") as f:
        loader.send("route.load", fd=f.fileno(), nhid=True)
    inside, listed, commit = 0, 0, False
    while True:
        while loader.buf or select_now(loader.sock):
            msg = loader.line()
            if "ok" in msg:
                break
            commit |= msg["progress"]["phase"] == "commit"
        else:
            msg = None
        if msg is not None:
            break
        if not commit:
            continue
        for args in ({"dev": "lo0"}, {"gateway": "10.9.0.3"}, {}):
            got = c.ask("route.show", dst="11.0.0.0/8", **args)["result"]
            assert [r["gateway"] for r in got] == ["10.9.0.3"], got
            inside += 1
        part = early.line() if listed < 20000 else {"result": []}
        assert all("gateway" in r for r in part["result"]), part
        listed += len(part["result"])
    assert msg["ok"], msg
    assert inside > 0 and listed > 0, (inside, listed)
    while listed < 20000:
        listed += len(early.line()["result"])
    for c in (loader, c, early):
        c.close()
    d.ctl("nexthop", "flush")
    assert d.ctl("route", "show", "proto", "boot", "table", "all") == ""


def a_client_killed_in_the_middle_of_a_load_harms_nobody(d):
    before, n = d.routes(), large(300000)
    path = make_list(d, n)
    for delay in (0.0, 0.05, 0.2, 0.5):
        p = subprocess.Popen([BUILD / "apps/psnetctl", "-S", d.path, "route",
                              "load", path, "via", "10.9.0.2"],
                             stdout=subprocess.DEVNULL)
        time.sleep(delay)
        p.kill()
        p.wait()
        c = d.client()
        # A change waits for the commit: after it the load is over.
        assert c.ask("route.replace", dst="10.67.0.0/16",
                     gateway="10.9.0.2")["ok"]
        assert d.routes() - before in (1, n + 1), d.routes()
        c.ask("route.flush", protocol="boot")
        c.close()
    assert d.routes() == before


if __name__ == "__main__":
    sys.exit(daemon.run([
        a_large_list_is_one_commit,
        a_bad_line_loads_nothing_and_is_named,
        a_list_may_come_packed_or_by_a_pipe,
        a_file_is_what_its_content_says,
        a_dump_is_loaded_by_family_and_peer,
        a_table_is_exchanged_for_another_as_a_whole,
        a_table_is_not_exchanged_for_nothing,
        a_table_is_loaded_into_another_than_main,
        others_are_served_while_a_list_is_loaded,
        routes_of_objects_are_shown_while_a_list_is_loaded,
        a_client_killed_in_the_middle_of_a_load_harms_nobody,
    ]))
