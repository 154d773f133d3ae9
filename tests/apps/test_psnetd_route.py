#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Routes through psnetd and psnetctl.

usage: test_psnetd_route.py BUILD-FOLDER
"""
import subprocess
import sys
import time

import daemon
from daemon import BASE, BUILD, select_now


def routes_are_edited_and_shown(d):
    d.ctl("route", "add", "to", "10.4.0.0/16", "via", "10.9.0.3", "metric", "9",
          "src", "10.9.0.1", "proto", "bgp")
    assert ("10.4.0.0/16 via 10.9.0.3 dev lo0 proto bgp src 10.9.0.1 metric 9\n"
            in d.ctl("route"))
    d.ctl("route", "change", "10.4.0.0/16", "via", "10.9.0.4", "metric", "9",
          "proto", "bgp")
    assert ("10.4.0.0/16 via 10.9.0.4 dev lo0 proto bgp metric 9\n"
            in d.ctl("route"))
    d.ctl("route", "replace", "10.5.0.0/16", "nexthop", "via", "10.9.0.5",
          "weight", "3", "nexthop", "via", "10.8.0.6")
    hops = d.ctl_json("route", "show", "10.5.0.0/16")[0]["nexthops"]
    assert hops == [{"gateway": "10.9.0.5", "dev": "lo0", "weight": 3},
                    {"gateway": "10.8.0.6", "dev": "east", "weight": 1}], hops
    assert "\tnexthop via 10.9.0.5 dev lo0 weight 3\n" in d.ctl("route")
    d.ctl("route", "add", "prohibit", "10.6.0.0/16")
    assert "prohibit 10.6.0.0/16\n" in d.ctl("route")
    assert d.ctl("route", "get", "10.4.1.1") == \
        "10.4.1.1 via 10.9.0.4 dev lo0 src 10.9.0.1 metric 9\n"
    assert d.ctl_json("route", "get", "10.4.1.1")[0]["prefix"] == "10.4.0.0/16"
    assert "local 10.9.0.1 dev lo0" in d.ctl("route", "show", "table", "local")
    assert d.ctl("r", "s", "type", "blackhole").startswith("blackhole")
    assert "10.4.0.0/16" in d.ctl("route", "show", "root", "10.4.0.0/14")
    assert "10.4.0.0/16" in d.ctl("route", "show", "match", "10.4.1.0/24")
    assert d.ctl("route", "show", "10.4.0.0/15") == ""
    assert d.ctl("route", "flush", "proto", "boot") == "removed 2\n"
    assert d.ctl("route", "show", "proto", "boot") == ""
    d.ctl("route", "del", "10.4.0.0/16")


def the_best_of_several_routes_is_used(d):
    def get():
        return d.ctl_json("route", "get", "10.4.1.1")[0]["gateway"]

    def shown():
        return d.ctl("route", "show", "10.4.0.0/16")

    add = ("route", "add", "10.4.0.0/16", "via")
    d.ctl(*add, "10.9.0.3", "proto", "ospf", "metric", "10")
    d.ctl(*add, "10.9.0.4", "proto", "bgp")
    assert get() == "10.9.0.4"
    assert shown() == (        "10.4.0.0/16 via 10.9.0.4 dev lo0 proto bgp\n"
        "10.4.0.0/16 via 10.9.0.3 dev lo0 proto ospf metric 10 waiting\n")
    d.ctl(*add, "10.9.0.5", "proto", "ospf", "metric", "5", "distance", "15")
    assert get() == "10.9.0.5"
    assert "metric 5 distance 15\n" in shown()
    d.ctl(*add, "10.9.0.6", "proto", "ospf", "metric", "10", status=2)
    d.ctl("route", "del", "10.4.0.0/16")
    assert get() == "10.9.0.4"
    d.ctl("route", "del", "10.4.0.0/16", "proto", "ospf")
    assert get() == "10.9.0.4"
    d.ctl("route", "add", "throw", "10.4.1.0/24")
    assert "\"10.4.1.1\": no route" in d.ctl("route", "get", "10.4.1.1",
                                            status=2)
    assert d.ctl("route", "flush", "root", "10.4.0.0/16") == "removed 2\n"
    # A configured one waits behind that of an address.
    d.ctl("route", "add", "10.9.0.0/24", "via", "10.9.0.7")
    assert "waiting" in d.ctl("route", "show", "10.9.0.0/24")
    d.ctl("route", "del", "10.9.0.0/24")
    d.ctl("route", "del", "10.9.0.0/24", status=2)


def events_are_told_to_a_monitor(d):
    p = subprocess.Popen([BUILD / "apps/psnetctl", "-S", d.path, "monitor",
                          "route", "link"], stdout=subprocess.PIPE, text=True)
    try:
        for n in range(200):   # until it is subscribed
            d.ctl("route", "replace", "10.44.0.0/16", "via",
                  "10.9.0.%d" % (2 + n))
            time.sleep(0.05)
            if select_now(p.stdout):
                break
        assert "10.44.0.0/16 via 10.9.0" in p.stdout.readline()

        d.ctl("route", "del", "10.44.0.0/16")
        while "Deleted 10.44.0.0/16" not in p.stdout.readline():
            pass
        full = ("10.44.0.0/16 via 10.9.0.2 dev lo0 proto bgp src 10.9.0.1 "
                "metric 7 distance 30")
        words = full.replace(" distance 30", "").split()
        d.ctl("route", "add", *words, "distance", "30")
        assert p.stdout.readline() == "[route]" + full + "\n"
        d.ctl("route", "replace", "10.44.0.0/16", "nexthop", "via", "10.9.0.5",
              "weight", "3", "nexthop", "via", "10.9.0.6")
        assert p.stdout.readline() == "[route]10.44.0.0/16\n"
        assert p.stdout.readline() == \
            "\tnexthop via 10.9.0.5 dev lo0 weight 3\n"
        assert p.stdout.readline() == \
            "\tnexthop via 10.9.0.6 dev lo0 weight 1\n"
        d.ctl("route", "replace", "10.44.0.0/16", "via", "10.9.0.5")
        assert p.stdout.readline() == \
            "[route]Replaced 10.44.0.0/16 via 10.9.0.5 dev lo0\n"
        # The one that waited is told to be in use now.
        d.ctl("route", "del", "10.44.0.0/16")
        assert p.stdout.readline() == \
            "[route]Deleted 10.44.0.0/16 via 10.9.0.5 dev lo0\n"
        assert p.stdout.readline() == "[route]Replaced " + full + "\n"
        d.ctl("route", "del", "10.44.0.0/16")
        assert p.stdout.readline() == "[route]Deleted " + full + "\n"
        d.ctl("link", "set", "lo0", "mtu", "9000")
        while "lo0" not in p.stdout.readline():
            pass
        d.ctl("link", "set", "lo0", "mtu", "65535")
    finally:
        p.kill()
        p.wait()


def a_table_has_routes_of_its_own(d):
    add = ("route", "add", "10.4.0.0/16", "via")
    d.ctl(*add, "10.9.0.3")
    d.ctl(*add, "10.9.0.4", "table", "100")
    assert "10.9.0.4" not in d.ctl("route")
    assert d.ctl("route", "show", "table", "100") == \
        "10.4.0.0/16 via 10.9.0.4 dev lo0 table 100\n"
    both = d.ctl("route", "show", "10.4.0.0/16", "table", "all")
    assert "10.9.0.3" in both and "10.9.0.4" in both, both
    assert d.ctl("route", "show", "table", "77") == ""
    d.ctl("route", "add", "10.5.0.0/16", "lookup", "100")
    assert "10.5.0.0/16 lookup 100\n" in d.ctl("route")
    d.ctl("route", "add", "10.5.1.0/24", "via", "10.9.0.5", "table", "100")
    got = d.ctl_json("route", "get", "10.5.1.1")[0]
    assert got["gateway"] == "10.9.0.5" and got["table"] == "100", got
    d.ctl("route", "get", "10.5.2.1", status=2)
    d.ctl("route", "del", "10.4.0.0/16", "table", "100")
    d.ctl("route", "del", "10.4.0.0/16", "table", "100", status=2)
    d.ctl("route", "add", "10.6.0.0/16", "via", "10.9.0.5", "table", "local",
          status=1)
    assert d.ctl("route", "flush", "table", "100") == "removed 1\n"
    assert d.ctl("route", "flush", "table", "all", "proto", "boot") == \
        "removed 2\n"


BUILT_IN = ("0:\tfrom all lookup local\n%s32766:\tfrom all lookup main\n"
            "32767:\tfrom all lookup default\n")


def rules_choose_the_table(d):
    def get(*more):
        return d.ctl_json("route", "get", "10.4.1.1", *more)[0]["gateway"]

    assert d.ctl("rule") == BUILT_IN % ""
    d.ctl("route", "add", "10.4.0.0/16", "via", "10.9.0.3")
    d.ctl("route", "add", "10.4.0.0/16", "via", "10.9.0.4", "table", "100")
    d.ctl("rule", "add", "from", "192.0.2.0/24", "iif", "east", "fwmark",
          "0x10/0xf0", "lookup", "100", "pref", "500")
    assert d.ctl("rule") == BUILT_IN % (
        "500:\tfrom 192.0.2.0/24 fwmark 0x10/0xf0 iif east lookup 100\n")
    assert get() == "10.9.0.3"
    assert get("from", "192.0.2.1", "iif", "east", "mark", "31") == "10.9.0.4"
    assert get("from", "192.0.3.1", "iif", "east", "mark", "31") == "10.9.0.3"
    assert get("from", "192.0.2.1", "iif", "west", "mark", "31") == "10.9.0.3"
    assert get("from", "192.0.2.1", "iif", "east", "mark", "47") == "10.9.0.3"
    d.ctl("rule", "del", "pref", "501", status=2)
    d.ctl("rule", "add", "lookup", "100")
    assert "499:\tfrom all lookup 100\n" in d.ctl("rule")
    assert get() == "10.9.0.4"
    d.ctl("rule", "del", "pref", "500")
    d.ctl("rule", "del", "lookup", "100")
    assert d.ctl("rule") == BUILT_IN % ""
    assert get() == "10.9.0.3"
    d.ctl("rule", "add", "from", "10.0.0.1/8", "lookup", "100", status=1)
    d.ctl("rule", "add", "iif", "nope", "lookup", "100", status=2)
    d.ctl("rule", "add", "from", "10.0.0.0/8", status=1)
    d.ctl("route", "flush", "table", "all", "proto", "boot")


def get_says_why(d):
    d.ctl("route", "add", "10.5.0.0/16", "nexthop", "via", "10.8.0.9",
          "weight", "3", "nexthop", "via", "10.8.0.6")
    d.ctl("route", "add", "10.5.0.0/16", "via", "10.9.0.3", "proto", "ospf",
          "metric", "10")
    d.ctl("route", "add", "throw", "10.5.0.0/16", "table", "100")
    d.ctl("rule", "add", "from", "192.0.2.0/24", "lookup", "100", "pref", "500")
    ask = ("route", "get", "10.5.1.1", "from", "192.0.2.1", "iif", "east",
           "ipproto", "udp", "dport", "53", "sport")
    assert "why" not in d.ctl_json(*ask, "7")[0]
    seen = set()
    for port in range(40):
        way = d.ctl_json("-d", *ask, str(port))[0]
        why, group = way["why"], way["why"]["group"]
        assert why["rules"] == [
            {"priority": 500, "table": "100", "prefix": "10.5.0.0/16",
             "result": "throw"},
            {"priority": 32766, "table": "main", "prefix": "10.5.0.0/16",
             "result": "unicast"}], why
        assert [c.get("lost") for c in why["candidates"]] == [
            None, "distance 110 is more than 1"], why
        assert group["buckets"] == 4 and group["bucket"] < 4, group
        assert sorted(m["buckets"] for m in group["members"]) == [1, 3], group
        chosen, = [m for m in group["members"] if m["chosen"]]
        assert chosen["gateway"] == way["gateway"], way
        assert chosen["adjacency"] == group["adjacency"], group
        assert why["neighbour"]["dst"] == way["gateway"], why
        if way["gateway"] == "10.8.0.9":
            assert why["neighbour"]["lladdr"] == "02:00:00:00:00:09", why
            assert why["neighbour"]["state"] == ["PERMANENT"], why
        seen.add(way["gateway"])
    assert seen == {"10.8.0.9", "10.8.0.6"}, seen
    d.ctl("link", "set", "east", "down")
    out = d.ctl(*ask, "7", "details")
    assert "rule 500: table 100: 10.5.0.0/16 throw\n" in out, out
    assert "-> nothing: no port is up\n" in out and "port down" in out, out
    d.ctl("link", "set", "east", "up")
    assert "rule 0: table main: 10.8.0.1 local\n" in d.ctl(
        "route", "get", "10.8.0.1", "details")
    d.ctl("route", "get", "10.5.1.1", "sport", "7", status=2)
    d.ctl("route", "get", "10.5.1.1", "dev", "east", status=1)
    d.ctl("rule", "del", "pref", "500")
    d.ctl("route", "flush", "table", "all", "root", "10.5.0.0/16")


def get_refuses_what_leads_nowhere_and_says_why(d):
    def why(dst):
        return d.ctl("route", "get", dst, status=2)

    d.ctl("route", "add", "10.5.0.0/16", "via", "192.0.2.1", "recursive")
    said = why("10.5.1.1")
    assert "\"10.5.1.1\": its route 10.5.0.0/16 does not resolve: " \
        "gateway 192.0.2.1: no route" in said, said
    c = d.client()
    assert c.code("route.get", dst="10.5.1.1") == "ENETUNREACH"
    c.close()
    assert "gateway 192.0.2.1: table main: no route" in d.ctl(
        "route", "get", "10.5.1.1", "details")
    d.ctl("route", "add", "192.0.2.0/24", "via", "10.8.0.9")
    assert "via 10.8.0.9" in d.ctl("route", "get", "10.5.1.1")
    d.ctl("link", "set", "east", "down")
    said = why("10.5.1.1")
    assert "10.5.0.0/16 has no next hop whose interface is up" in said, said
    d.ctl("link", "set", "east", "up")
    d.ctl("route", "flush", "proto", "boot")
    d.ctl("nexthop", "add", "id", "1", "prohibit")
    d.ctl("route", "add", "10.5.0.0/16", "nhid", "1")
    assert d.ctl("route", "get", "10.5.1.1").startswith("prohibit 10.5.1.1 ")
    d.ctl("nexthop", "flush")


def gateways_that_are_nobody_are_refused(d):
    for gateway in ("10.9.0.255", "10.9.0.1"):
        add = ("add", "10.5.0.0/16", "via", gateway, "dev", "lo0")
        assert gateway in d.ctl("route", *add, status=2)
        assert gateway in d.ctl("nexthop", "add", "id", "1", *add[2:], status=2)
        for line in ("route 10.5.0.0/16 via %s", "nexthop id 1 via %s dev lo0"):
            log = d.reload(BASE + line % gateway + "\n", "failed")
            assert "conf:10: %s: the gateway is" % gateway in log, log
    d.reload(BASE)
    assert d.ctl("nexthop") == ""


def weights_are_those_of_ip_route(d):
    hops = ("nexthop", "via", "10.9.0.5", "weight", "256",
            "nexthop", "via", "10.8.0.6", "weight", "1")
    d.ctl("route", "add", "10.5.0.0/16", *hops)
    shown = d.ctl_json("route", "show", "10.5.0.0/16")[0]["nexthops"]
    assert [h["weight"] for h in shown] == [256, 1], shown
    members = d.ctl_json("-d", "route", "get", "10.5.1.1")[0]["why"]["group"][
        "members"]
    assert sorted(m["weight"] for m in members) == [1, 256], members
    assert sum(m["buckets"] for m in members if m["weight"] == 256) > \
        200 * sum(m["buckets"] for m in members if m["weight"] == 1), members
    for wrong in ("0", "257"):
        d.ctl("route", "replace", "10.5.0.0/16", *hops[:4], wrong, *hops[5:],
              status=1)
    d.reload(BASE + "route 10.6.0.0/16 %s\n" % " ".join(hops))
    assert "weight 256\n" in d.ctl("route", "show", "10.6.0.0/16")
    d.reload(BASE)
    d.ctl("route", "del", "10.5.0.0/16")


def marks_have_no_sign(d):
    for mark in ("-0xffffffffffffffff", "-1", "+1", " 1", "", "1/-1", "1/",
                 "0x100000000", "1/0x100000000", "3/1", "x"):
        assert "not a mark" in d.ctl("rule", "add", "fwmark", mark, "lookup",
                                     "7", status=1), mark
        assert "not a mark" in d.ctl("link", "set", "east", "mark", mark,
                                     status=1), mark
    d.ctl("rule", "add", "fwmark", "0x11/021", "lookup", "7", "pref", "9")
    assert "9:\tfrom all fwmark 0x11/0x11 lookup 7\n" in d.ctl("rule")
    d.ctl("rule", "del", "pref", "9")


def next_hops_that_do_not_fit_are_left_out(d):
    text = BASE.replace("10.9.0.1/24", "10.9.0.1/16")
    gateways = ["10.9.%d.%d" % (n // 200 + 1, n % 200 + 1) for n in range(480)]
    for i in range(8):
        text += "route 192.0.2.%d/32%s\n" % (i + 1, "".join(
            " nexthop via " + g for g in gateways[i * 60:i * 60 + 60]))
    # Each is right; only followed to their links they are more than 256.
    text += "route 10.66.0.0/24%s\n" % "".join(
        " nexthop via 192.0.2.%d recursive" % (i + 1) for i in range(8))
    d.reload(text)
    group = d.ctl_json("route", "get", "10.66.0.1", "details")[0]["why"]["group"]
    assert (group["left_out"], group["buckets"]) == (480 - 256, 256), group
    d.reload(BASE)


def an_interface_marks_what_comes_in(d):
    assert "mark" not in d.ctl_json("link", "show", "east")[0]
    d.ctl("link", "set", "east", "mark", "0x2a")
    assert d.ctl_json("link", "show", "east")[0]["mark"] == 42
    assert " mark 0x2a\n" in d.ctl("link", "show", "east")
    d.ctl("link", "set", "east", "mark", "0")
    assert " mark" not in d.ctl("link", "show", "east")
    d.ctl("link", "set", "east", "mark", "4294967296", status=1)
    d.ctl("link", "add", "blue", "type", "loop", "mark", "7", "up")
    assert " mark 0x7\n" in d.ctl("link", "show", "blue")
    d.ctl("link", "del", "blue")
    # The file says it, changes it, and takes it away.
    line = "interface east wire peer=west up"
    for mark, shown in (("7", 7), ("0x8", 8)):
        d.reload(BASE.replace(line, line + " mark " + mark))
        assert d.ctl_json("link", "show", "east")[0]["mark"] == shown
    log = d.reload(BASE.replace(line, line + " mark 9") +
                   "interface broken tap dev=/no/such up\n", "failed")
    assert "nothing is changed" in log, log
    assert d.ctl_json("link", "show", "east")[0]["mark"] == 8
    d.reload(BASE)
    assert "mark" not in d.ctl_json("link", "show", "east")[0]


def interfaces_with_other_tables_may_share_addresses(d):
    d.ctl("link", "add", "blue", "type", "loop", "up")
    d.ctl("link", "set", "blue", "table", "10")
    assert d.ctl_json("link", "show", "blue")[0]["table"] == "10"
    d.ctl("addr", "add", "10.9.0.1/24", "dev", "blue")
    d.ctl("link", "set", "blue", "table", "main", status=2)
    assert "10.9.0.0/24 dev lo0" in d.ctl("route")
    assert "10.9.0.0/24 dev blue table 10" in d.ctl("route", "show", "table",
                                                    "10")
    d.ctl("route", "add", "default", "via", "10.9.0.7", "table", "10")
    assert "via 10.9.0.7 dev blue table 10" in d.ctl(
        "route", "get", "99.0.0.1", "iif", "blue")
    d.ctl("route", "get", "99.0.0.1", status=2)
    # A leak back to the main table.
    d.ctl("route", "add", "10.2.0.0/16", "lookup", "main", "table", "10")
    assert "10.2.0.1 via 10.9.0.2 dev lo0" in d.ctl(
        "route", "get", "10.2.0.1", "iif", "blue")
    d.ctl("link", "del", "blue")
    assert "dev blue" not in d.ctl("route", "show", "table", "all")
    d.ctl("route", "flush", "table", "10")
    text = BASE + ("interface blue loop table 10 up\n"
                   "address 10.7.0.1/24 dev blue\n"
                   "route default via 10.7.0.9 table 10\n")
    d.reload(text)
    assert "default via 10.7.0.9 dev blue table 10 proto static" in d.ctl(
        "route", "show", "table", "10")
    d.reload(text.replace("loop table 10", "loop table 11")
             .replace("9 table 10", "9 table 11"))
    assert d.ctl("route", "show", "table", "10") == ""
    assert "default via 10.7.0.9 dev blue table 11" in d.ctl(
        "route", "show", "table", "11")
    d.reload(BASE)
    assert d.ctl("route", "show", "table", "11") == ""


def the_file_has_rules_and_tables(d):
    table = d.dir / "blue.txt"
    table.write_text("20.1.0.0/16\n20.2.0.0/16 10.9.0.8\n")
    text = BASE + ("interface blue loop table 10 up\n"
                   "address 10.9.0.1/24 dev blue\n"
                   "route 10.4.0.0/16 via 10.9.0.4 table 100 dev lo0\n"
                   "rule from 192.0.2.0/24 lookup 100 pref 500\n"
                   "rule iif blue fwmark 0x10/0xf0 lookup 100 pref 500\n"
                   "table blue.txt table 10 via 10.9.0.7\n")
    rules = ("500:\tfrom 192.0.2.0/24 lookup 100\n"
             "500:\tfrom all fwmark 0x10/0xf0 iif blue lookup 100\n")
    d.reload(text)
    assert d.ctl("rule") == BUILT_IN % rules, d.ctl("rule")
    assert "10.4.1.1 via 10.9.0.4 dev lo0 table 100" in d.ctl(
        "route", "get", "10.4.1.1", "from", "192.0.2.9")
    assert "20.1.1.1 via 10.9.0.7 dev blue table 10" in d.ctl(
        "route", "get", "20.1.1.1", "iif", "blue")
    assert "via 10.9.0.8" in d.ctl("route", "get", "20.2.1.1", "iif", "blue")
    d.ctl("route", "get", "20.1.1.1", status=2)
    # The interface is made anew; its rule comes back; so does one that is lost.
    d.reload(text.replace("blue loop table 10 up", "blue loop table 10 up mark 1"))
    d.ctl("rule", "del", "from", "192.0.2.0/24")
    d.ctl("rule", "add", "lookup", "55", "pref", "9")
    d.reload(text.replace("table 10", "table 11"))
    shown = d.ctl("rule").splitlines()
    assert sorted(shown) == sorted((BUILT_IN % (
        "9:\tfrom all lookup 55\n" + rules)).splitlines()), shown
    assert "table 11" in d.ctl("route", "get", "20.1.1.1", "iif", "blue")
    assert d.ctl("route", "show", "table", "10") == ""
    # What cannot be done changes nothing: not the rules of an interface either.
    before = d.ctl("rule").splitlines()
    log = d.reload(text.replace("table 10", "table 12").replace("500", "600") +
                   "route 10.77.0.0/16 via 10.9.0.2 src 10.1.2.3\n",
                   "failed")
    assert "nothing is changed" in log and "conf:16: 10.77" in log, log
    log = d.reload(text + "rule iif nope lookup 3 pref 1\n", "failed")
    assert "conf:16: nope: no line defines" in log, log
    assert sorted(d.ctl("rule").splitlines()) == sorted(before), before
    # Exactly the file's rule goes, not one that is like it.
    d.ctl("rule", "add", "from", "198.51.100.0/24", "lookup", "7", "pref", "8")
    d.reload(BASE + "rule lookup 7 pref 8\n")
    d.reload(BASE)
    assert d.ctl("rule") == BUILT_IN % (
        "8:\tfrom 198.51.100.0/24 lookup 7\n9:\tfrom all lookup 55\n")
    d.ctl("rule", "del", "pref", "8")
    d.ctl("rule", "del", "pref", "9")


if __name__ == "__main__":
    sys.exit(daemon.run([
        routes_are_edited_and_shown, the_best_of_several_routes_is_used,
        events_are_told_to_a_monitor, a_table_has_routes_of_its_own,
        rules_choose_the_table, get_says_why,
        get_refuses_what_leads_nowhere_and_says_why,
        gateways_that_are_nobody_are_refused, weights_are_those_of_ip_route,
        marks_have_no_sign, next_hops_that_do_not_fit_are_left_out,
        an_interface_marks_what_comes_in,
        interfaces_with_other_tables_may_share_addresses,
        the_file_has_rules_and_tables,
    ]))
