#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Routing tables of a running psnetd verified by psnetctl: no root.

usage: test_psnetd_verify.py BUILD-FOLDER
"""
import json
import subprocess
import sys
import time

import daemon
from daemon import BUILD, load, make_list


def a_right_table_is_told_so(d):
    out = d.ctl("route", "verify")
    assert " 0 differences" in " " + out.splitlines()[-1], out
    assert out.startswith("verified "), out
    r = d.ctl_json("route", "verify", "table", "main", "count", "500")
    assert r["tables"] == 1 and r["differences"] == 0 and r["first"] == [], r
    assert r["prefixes"] == d.routes() and r["addresses"] > 500, r
    assert r["compiled"] == r["addresses"], r
    assert "no such table" in d.ctl("route", "verify", "table", "99", status=2)
    assert "neither table" in d.ctl("route", "verify", "tables", "99", status=1)


def next_hops_by_number_are_followed(d):
    d.ctl("nexthop", "add", "id", "1", "via", "10.9.0.7", "dev", "lo0")
    d.ctl("nexthop", "add", "id", "2", "via", "10.8.0.7", "dev", "east")
    d.ctl("nexthop", "add", "id", "3", "blackhole")
    d.ctl("nexthop", "add", "id", "4", "group", "1/2")
    d.ctl("nexthop", "add", "id", "5", "via", "10.2.0.9")
    for n in range(1, 6):
        d.ctl("route", "add", "10.5.%d.0/24" % n, "nhid", str(n))
    d.ctl("route", "add", "10.6.0.0/16", "nexthop", "via", "10.9.0.7",
          "nexthop", "via", "10.8.0.7", "weight", "3")
    for _ in range(2):
        r = d.ctl_json("route", "verify", "count", "1000")
        assert r["differences"] == r["hops"] == 0, r
        d.ctl("nexthop", "replace", "id", "1", "via", "10.8.0.6", "dev", "east")
        d.ctl("link", "set", "east", "down")
    assert d.ctl_json("route", "verify")["differences"] == 0
    d.ctl("link", "set", "east", "up")
    for n in (4, 5, 3, 2, 1):
        d.ctl("nexthop", "delete", "id", str(n))
    d.ctl("route", "flush", "proto", "boot")


def routes_change_meanwhile(d):
    """Two clients: one verifies, the other edits what is being verified."""
    assert load(d, make_list(d, 60000))[-1]["ok"]
    c, v = d.client(), d.client()
    changed, rounds = 0, 0
    while rounds < 3 or changed < 100:
        me = v.send("route.verify", count=20000)
        msg = {}
        while "ok" not in msg:
            dst = "%d.%d.0.0/%d" % (20 + changed % 3, changed % 200,
                                    16 + changed % 9)
            assert c.ask("route.replace", dst=dst,
                         gateway="10.9.0.%d" % (2 + changed % 9))["ok"]
            if changed % 3 == 0:
                assert c.ask("route.del", dst=dst)["ok"]
            changed += 1
            while v.buf or daemon.select_now(v.sock):
                msg = v.line()
                assert msg["id"] == me, msg
                if "ok" in msg:
                    break
        r = msg["result"]
        assert r["differences"] == 0, r
        assert r["prefixes"] > 50000 and r["addresses"] > 180000, r
        rounds += 1
    c.close()
    v.close()
    d.ctl("route", "flush", "proto", "boot")


def two_tables_are_compared(d):
    for t in "100", "101":
        d.ctl("route", "add", "10.4.0.0/16", "via", "10.9.0.3", "table", t)
    d.ctl("route", "verify", "table", "100", "like", "101")
    d.ctl("route", "add", "10.4.1.0/24", "via", "10.9.0.4", "table", "101")
    r = subprocess.run(
        [BUILD / "apps/psnetctl", "-S", d.path, "route", "verify", "table",
         "100", "like", "101", "count", "0"], capture_output=True, text=True,
        timeout=60, check=False)
    assert r.returncode == 3, r
    assert ("10.4.1.255 table 100:\n    sweep:\t10.4.1.0/24 via 10.9.0.4 dev "
            "lo0\n    rib:\t10.4.0.0/16 via 10.9.0.3 dev lo0\n" in r.stdout), r
    assert "3 differences (rib 3 fib 0 batch 0 hops 0)\n" in r.stdout, r.stdout
    d.ctl("route", "flush", "table", "all", "proto", "boot")


def who_leaves_is_forgotten(d):
    assert load(d, make_list(d, 60000))[-1]["ok"]
    for delay in (0.0, 0.02, 0.1):
        p = subprocess.Popen([BUILD / "apps/psnetctl", "-S", d.path, "route",
                              "verify"], stdout=subprocess.DEVNULL)
        time.sleep(delay)
        p.kill()
        p.wait()
    # The next ones wait for each other.
    ps = [subprocess.Popen([BUILD / "apps/psnetctl", "-S", d.path, "-j",
                            "route", "verify"], stdout=subprocess.PIPE)
          for _ in range(3)]
    for p in ps:
        out, _ = p.communicate(timeout=120)
        assert p.returncode == 0 and json.loads(out)["differences"] == 0, out
    d.ctl("route", "flush", "proto", "boot")


if __name__ == "__main__":
    sys.exit(daemon.run([
        a_right_table_is_told_so, next_hops_by_number_are_followed,
        routes_change_meanwhile, two_tables_are_compared, who_leaves_is_forgotten,
    ]))
