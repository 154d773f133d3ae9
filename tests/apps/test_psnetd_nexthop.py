#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Numbered next hops through psnetd and psnetctl.

usage: test_psnetd_nexthop.py BUILD-FOLDER
"""
import pathlib
import subprocess
import sys
import time

import daemon
from daemon import BASE, BUILD, select_now

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def add(d, n, *words, **kw):
    return d.ctl("nexthop", "add", "id", str(n), *words, **kw)


def objects_are_edited_and_shown(d):
    add(d, 1, "via", "10.9.0.3", "dev", "lo0")
    add(d, 2, "dev", "east", "protocol", "bgp")
    add(d, 3, "blackhole")
    add(d, 4, "via", "192.0.2.1", "proto", "200")
    add(d, 10, "group", "1,3/2/4,65535")
    add(d, 11, "group", "2/1", "type", "resilient", "buckets", "30",
        "idle_timer", "0.25", "unbalanced_timer", "60")
    assert d.ctl("nexthop") == (
        "id 1 via 10.9.0.3 dev lo0\n"
        "id 2 dev east proto bgp\n"
        "id 3 blackhole\n"
        "id 4 via 192.0.2.1 proto 200\n"
        "id 10 group 1,3/2/4,65535\n"
        "id 11 group 2/1 type resilient buckets 32 idle_timer 0.25 "
        "unbalanced_timer 60\n")
    d.ctl("nexthop", "replace", "id", "2", "via", "10.8.0.7", "dev", "east")
    assert d.ctl("nexthop", "get", "id", "2") == \
        "id 2 via 10.8.0.7 dev east\n"
    d.ctl("nexthop", "replace", "id", "3", "prohibit")
    d.ctl("nexthop", "replace", "id", "5", "unreachable")
    assert d.ctl("nexthop", "show", "dev", "east") == \
        "id 2 via 10.8.0.7 dev east\n"
    assert d.ctl("nexthop", "show", "proto", "200") == \
        "id 4 via 192.0.2.1 proto 200\n"
    assert d.ctl("nexthop", "show", "group").count("\n") == 2
    assert d.ctl("nexthop", "show", "id", "3") == "id 3 prohibit\n"
    assert d.ctl("nexthop", "flush", "proto", "200") == "removed 1\n"
    assert d.ctl("nexthop", "show", "id", "10") == "id 10 group 1,3/2\n"
    assert d.ctl("nexthop", "flush", "group") == "removed 2\n"
    d.ctl("nexthop", "del", "id", "1")
    d.ctl("nexthop", "del", "id", "1", status=2)
    assert d.ctl("nexthop", "flush") == "removed 3\n"
    assert d.ctl("nexthop") == ""


def what_is_shown_can_be_said_again(d):
    add(d, 1, "via", "10.9.0.3", "dev", "lo0", "proto", "ospf")
    add(d, 2, "via", "192.0.2.1")
    add(d, 3, "unreachable")
    add(d, 7, "group", "1,300/2", "type", "resilient", "idle_timer", "0",
        "backup", "3")
    shown = d.ctl("nexthop").splitlines()
    d.ctl("nexthop", "flush")
    for line in shown:
        d.ctl("nexthop", "add", *line.split())
    assert d.ctl("nexthop").splitlines() == shown
    d.ctl("nexthop", "flush")


def json_has_the_names_of_iproute2(d):
    add(d, 1, "via", "10.9.0.3", "dev", "lo0", "proto", "bgp")
    add(d, 2, "blackhole")
    add(d, 3, "dev", "east")
    add(d, 9, "group", "1,2/3", "type", "resilient", "buckets", "8",
        "idle_timer", "1.5")
    assert d.ctl_json("nexthop") == [
        {"id": 1, "gateway": "10.9.0.3", "dev": "lo0", "protocol": "bgp",
         "flags": []},
        {"id": 2, "blackhole": None, "flags": []},
        {"id": 3, "dev": "east", "flags": []},
        {"id": 9, "group": [{"id": 1, "weight": 2}, {"id": 3}],
         "type": "resilient", "resilient_args": {
             "buckets": 8, "idle_timer": 1.5, "unbalanced_timer": 0},
         "flags": []}]
    # A program may send back what it read, without the flags.
    c = d.client()
    one = c.ask("nexthop.show", id=9)["result"][0]
    del one["flags"]
    assert c.code("nexthop.add", **one) == "EEXIST"
    assert c.code("nexthop.replace", **one) is None
    assert c.code("nexthop.replace", id=9, group=[]) == "EINVAL"
    assert c.code("nexthop.replace", id=9, group=[{"weight": 1}]) == "EINVAL"
    assert c.code("nexthop.add", id=8) == "EINVAL"
    assert c.code("nexthop.add", id=8, dev="east", color="red") == "EINVAL"
    assert c.code("nexthop.del", id=99) == "ENOENT"
    c.close()
    d.ctl("nexthop", "flush")


def buckets_are_shared_by_weight_and_have_idle_times(d):
    add(d, 1, "via", "10.9.0.3", "dev", "lo0")
    add(d, 2, "via", "10.9.0.4", "dev", "lo0")
    add(d, 9, "group", "1,3/2", "type", "resilient", "buckets", "16")
    got = d.ctl_json("nexthop", "bucket", "show", "id", "9")
    assert [b["bucket"]["index"] for b in got] == list(range(16)), got
    owners = [b["bucket"]["nhid"] for b in got]
    assert owners.count(1) == 12 and owners.count(2) == 4, owners
    assert len(d.ctl_json("nexthop", "bucket", "show", "nhid", "2")) == 4
    line = d.ctl("nexthop", "bucket", "get", "id", "9", "index", "5")
    assert line.startswith("id 9 index 5 ") and " nhid " in line, line
    d.ctl("nexthop", "bucket", "get", "id", "9", "index", "16", status=2)
    d.ctl("nexthop", "bucket", "get", "id", "9", status=1)
    d.ctl("nexthop", "bucket", "show", "id", "1", status=2)
    d.ctl("nexthop", "bucket", "show", "id", "77", status=2)
    d.ctl("nexthop", "flush")


def a_backup_is_used_while_no_member_is_up(d):
    def way():
        return d.ctl_json("route", "get", "10.4.1.1")[0].get("gateway")

    add(d, 1, "via", "10.8.0.9", "dev", "east")
    add(d, 2, "via", "10.8.0.10", "dev", "east")
    add(d, 3, "via", "10.9.0.3", "dev", "lo0")
    add(d, 10, "group", "1/2", "backup", "3")
    d.ctl("route", "add", "10.4.0.0/16", "nhid", "10")
    assert d.ctl("nexthop", "get", "id", "10") == "id 10 group 1/2 backup 3\n"
    assert d.ctl_json("nexthop", "get", "id", "10") == [
        {"id": 10, "group": [{"id": 1}, {"id": 2}], "backup": 3, "flags": []}]
    assert way() in ("10.8.0.9", "10.8.0.10")
    d.ctl("link", "set", "east", "down")
    assert way() == "10.9.0.3"
    d.ctl("link", "set", "east", "up")
    assert way() in ("10.8.0.9", "10.8.0.10")
    # It may come and go without the members, and be a group.
    d.ctl("nexthop", "replace", "id", "10", "group", "1/2")
    d.ctl("link", "set", "east", "down")
    d.ctl("route", "get", "10.4.1.1", status=2)
    add(d, 11, "group", "3", "type", "resilient", "buckets", "4")
    d.ctl("nexthop", "replace", "id", "10", "group", "1/2", "backup", "11")
    assert way() == "10.9.0.3"
    # Deleted, it leaves those that have it; so does what goes with a member.
    d.ctl("nexthop", "del", "id", "3")
    assert d.ctl("nexthop", "show", "group") == "id 10 group 1/2\n"
    d.ctl("route", "get", "10.4.1.1", status=2)
    d.ctl("link", "set", "east", "up")
    d.ctl("nexthop", "flush")


BACKED = """\
nexthop id 9 group 1 backup 10
nexthop id 1 via 10.8.0.9 dev east
nexthop id 2 via 10.9.0.3 dev lo0
nexthop id 10 group 2
route 10.60.0.0/16 nhid 9
"""


def the_file_has_backups_in_any_order(d):
    d.reload(BASE + BACKED)
    before = d.ctl("nexthop")
    assert "id 9 group 1 backup 10 proto static\n" in before, before
    # Who has one and who is one may change places, and kinds.
    for old, new in (("group 1 backup 10", "group 1"),
                     ("id 10 group 2", "id 10 blackhole")):
        d.reload(BASE + BACKED.replace(old, new))
        assert d.ctl("nexthop") != before
        d.reload(BASE + BACKED)
        assert d.ctl("nexthop") == before
    d.reload(BASE + BACKED.replace(" backup 10", "").replace(
        "id 10 group 2", "id 10 group 2 backup 9"))
    assert "id 9 group 1 proto static\n" \
        "id 10 group 2 backup 9 proto static\n" in d.ctl("nexthop")
    d.reload(BASE + BACKED)
    assert d.ctl("nexthop") == before
    # What fails later leaves it as it was.
    routes = d.ctl("route")
    said = d.reload(BASE + BACKED.split("nexthop id 2")[0].replace(
        " backup 10", "") + "neighbour 10.8.0.77 lladdr ff:ff:ff:ff:ff:ff "
        "dev east\n", expect="psnetd: ")
    assert "ff:ff:ff:ff:ff:ff" in said, said
    assert d.ctl("nexthop") + d.ctl("route") == before + routes
    # What was deleted comes again, and those that have it.
    d.ctl("nexthop", "del", "id", "2")
    assert "backup" not in d.ctl("nexthop")
    d.reload(BASE + BACKED)
    assert d.ctl("nexthop") == before
    for wrong, why in (("nexthop id 3 group 1 backup 77", "no line defines"),
                       ("nexthop id 3 group 1 backup 9", "a backup itself"),
                       ("nexthop id 3 group 1 backup 3", "not its own")):
        said = d.reload(BASE + BACKED + wrong + "\n", expect="psnetd: ")
        assert why in said, said
    assert d.ctl("nexthop") == before
    d.reload(BASE)


REFUSED = (
    ("add id 5 group 1 backup 77", '"77": no such backup'),
    ("add id 5 group 1 backup 11", '"5": a backup of a backup'),
    ("replace id 10 group 1 backup 3", '"10": a backup of a backup'),
    ("add id 1 via 10.9.0.5 dev lo0", '"1": id is in use'),
    ("add id 5 via 10.77.0.5 dev lo0",
     '"10.77.0.5": no address puts the gateway on lo0'),
    ("add id 5 via 10.9.0.5 dev nope", '"nope": there is no such interface'),
    ("add id 5 group 1/77", '"77": no such member'),
    ("add id 5 group 1/10", '"5": a group in a group'),
    ("add id 5 group 1/3", '"5": a drop in a group of several'),
    ("replace id 10 via 10.9.0.5 dev lo0",
     '"10": a group for a single next hop'),
    ("replace id 10 group 1 type resilient", '"10": another type of group'),
    ("get id 99", '"99": there is no next hop with this id'),
    ("del id 99", '"99": no such id'),
)

WRONG = (
    ("add id 5 via 10.9.0.5 dev lo0 backup 1", '"backup": only a group'),
    ("add id 5 group 1 backup 5", '"backup": a group is not its own'),
    ("add id 5 group 1 backup 0", '"0": not a next hop\'s id'),
    ("add via 10.9.0.5", '"id N" must be given'),
    ("add id 0 blackhole", '"0": not a next hop\'s id'),
    ("add id 5", '"blackhole", "unreachable" or "prohibit" must follow'),
    ("add id 5 via 10.9.0.5 blackhole", '"blackhole": either'),
    ("add id 5 group 1,0", '"0": a weight'),
    ("add id 5 group 1//2", "not a list like 1,3/2,5"),
    ("add id 5 group 1/1", '"1": it is named twice'),
    ("add id 5 group 1/5", '"5": a group in itself'),
    ("add id 5 dev lo0 type resilient", '"type": only a group'),
    ("add id 5 group 1 buckets 4", '"buckets": only'),
    ("add id 5 group 1 type resilient buckets 1", "from 2 to 8192"),
    ("add id 5 group 1 type resilient idle_timer 1.2345", "not seconds"),
    ("add id 5 group 1 type round", '"round": neither'),
    ("add id 5 via fe80::1 dev lo0", '"fe80::1": not an IPv4'),
    ("add id 5 via inet6 fe80::1 dev lo0", '"inet6": only gateways'),
    ("add id 5 blackhole now", '"now": unexpected word'),
    ("del 5", '"5": "id N" must follow'),
    ("show colour red", '"colour": neither'),
)


def what_is_wrong_is_said_and_changes_nothing(d):
    add(d, 1, "via", "10.9.0.3", "dev", "lo0")
    add(d, 3, "blackhole")
    add(d, 10, "group", "1")
    add(d, 11, "group", "1", "backup", "10")
    before = d.ctl("nexthop")
    for words, why in REFUSED:
        said = d.ctl("nexthop", *words.split(), status=2)
        assert why in said, (words, said)
    for words, why in WRONG:
        said = d.ctl("nexthop", *words.split(), status=1)
        assert why in said, (words, said)
    assert d.ctl("nexthop") == before
    d.ctl("nexthop", "flush")


def an_interface_takes_its_next_hops_along(d):
    d.ctl("link", "add", "blue", "type", "loop", "up")
    d.ctl("addr", "add", "10.7.0.1/24", "dev", "blue")
    add(d, 1, "via", "10.7.0.2", "dev", "blue")
    add(d, 2, "via", "10.9.0.2", "dev", "lo0")
    add(d, 3, "group", "1")
    add(d, 4, "group", "1/2")
    d.ctl("link", "del", "blue")
    assert d.ctl("nexthop") == "id 2 via 10.9.0.2 dev lo0\nid 4 group 2\n"
    d.ctl("nexthop", "flush")


def routes_name_what_they_lead_to(d):
    def shown(*more):
        return d.ctl("route", "show", *more)

    add(d, 1, "via", "10.9.0.3", "dev", "lo0")
    add(d, 2, "via", "10.8.0.9", "dev", "east")
    add(d, 3, "blackhole")
    add(d, 10, "group", "1,300/2")
    d.ctl("route", "add", "10.4.0.0/16", "nhid", "1", "metric", "3")
    d.ctl("route", "add", "10.5.0.0/16", "nhid", "10", "proto", "bgp")
    d.ctl("route", "add", "10.6.0.0/16", "nhid", "3")
    assert shown("10.4.0.0/16") == \
        "10.4.0.0/16 nhid 1 via 10.9.0.3 dev lo0 metric 3\n"
    assert shown("nhid", "10") == (
        "10.5.0.0/16 nhid 10 proto bgp\n"
        "\tnexthop via 10.9.0.3 dev lo0 weight 300\n"
        "\tnexthop via 10.8.0.9 dev east weight 1\n")
    assert shown("10.6.0.0/16") == "blackhole 10.6.0.0/16 nhid 3\n"
    got = d.ctl_json("route", "show", "10.4.0.0/16")[0]
    assert got["nhid"] == 1 and got["gateway"] == "10.9.0.3", got
    assert d.ctl("route", "get", "10.4.1.1").startswith(
        "10.4.1.1 nhid 1 via 10.9.0.3 dev lo0 ")

    assert shown("dev", "lo0", "proto", "bgp").startswith("10.5.0.0/16 nhid")
    assert shown("via", "10.9.0.3").count("nhid") == 2
    assert shown("via", "10.8.0.9").count("nhid") == 1

    # What is behind the id changes for all of them; no route is touched.
    d.ctl("nexthop", "replace", "id", "1", "via", "10.8.0.9", "dev", "east")
    assert " via 10.8.0.9 dev east" in d.ctl("route", "get", "10.4.1.1")
    assert " via 10.8.0.9 dev east" in d.ctl("route", "get", "10.5.1.1")
    d.ctl("route", "replace", "10.6.0.0/16", "nhid", "2")
    assert " via 10.8.0.9 dev east" in d.ctl("route", "get", "10.6.1.1")

    d.ctl("route", "add", "10.7.0.0/16", "nhid", "77", status=2)
    d.ctl("route", "add", "10.7.0.0/16", "nhid", "1", "dev", "lo0", status=1)
    d.ctl("route", "del", "10.6.0.0/16", "nhid", "1", status=2)
    d.ctl("route", "del", "10.6.0.0/16", "nhid", "2")

    # Removed, they take their routes along; a group only with its last one.
    d.ctl("nexthop", "del", "id", "1")
    assert shown("10.4.0.0/16") == "" and "nhid 10 via" in shown()
    d.ctl("nexthop", "del", "id", "2")
    assert d.ctl("nexthop") == "id 3 blackhole\n" and "nhid" not in shown()
    d.ctl("nexthop", "flush")


def a_gateway_on_no_link_follows_the_routes(d):
    def way(addr):
        return d.ctl_json("route", "get", addr)[0].get("gateway")

    d.ctl("route", "add", "10.4.0.0/16", "via", "192.0.2.1", status=2)
    d.ctl("route", "add", "10.4.0.0/16", "via", "192.0.2.1", "dev", "lo0",
          "recursive", status=1)
    d.ctl("route", "add", "10.4.0.0/16", "via", "192.0.2.1", "recursive")
    add(d, 1, "via", "192.0.2.1")
    d.ctl("route", "add", "10.5.0.0/16", "nhid", "1")
    assert d.ctl("route", "show", "10.4.0.0/16") == \
        "10.4.0.0/16 via 192.0.2.1 recursive\n"
    assert d.ctl("route", "show", "10.5.0.0/16") == \
        "10.5.0.0/16 nhid 1 via 192.0.2.1 recursive\n"
    d.ctl("route", "add", "192.0.2.0/24", "via", "10.9.0.7")
    assert way("10.4.1.1") == way("10.5.1.1") == "10.9.0.7"
    d.ctl("route", "add", "192.0.2.0/28", "via", "10.8.0.9")
    assert way("10.4.1.1") == way("10.5.1.1") == "10.8.0.9"
    d.ctl("route", "del", "192.0.2.0/28")
    assert way("10.4.1.1") == way("10.5.1.1") == "10.9.0.7"

    def gateways(dst):
        return d.ctl_json("-d", "route", "get", dst)[0]["why"]["group"][
            "gateways"]

    # Another table has the route, then they lead in a circle.
    d.ctl("route", "del", "192.0.2.0/24")
    assert gateways("10.4.1.1") == [{"gateway": "192.0.2.1", "tables": ["main"],
                                     "result": "no route"}]
    d.ctl("route", "add", "192.0.2.0/24", "lookup", "100")
    d.ctl("route", "add", "192.0.2.1/32", "via", "10.9.0.7", "dev", "lo0",
          "table", "100")
    assert way("10.4.1.1") == way("10.5.1.1") == "10.9.0.7"
    assert gateways("10.4.1.1") == gateways("10.5.1.1") == [
        {"gateway": "192.0.2.1", "tables": ["main", "100"], "result": "found"}]
    assert "gateway 192.0.2.1: table main, table 100: found\n" in d.ctl(
        "route", "get", "10.4.1.1", "details")
    d.ctl("route", "del", "192.0.2.1/32", "table", "100")
    d.ctl("route", "add", "default", "lookup", "main", "table", "100")
    assert gateways("10.5.1.1")[0]["result"] == "tables lead in a circle"
    d.ctl("route", "flush", "table", "100")
    d.ctl("nexthop", "flush")
    d.ctl("route", "flush", "proto", "boot")


def a_table_file_may_name_next_hops(d):
    path = d.dir / "ids"
    path.write_text("20.0.0.0/24 1\n20.0.1.0/24 2\n20.0.2.0/24 1\n"
                    "20.0.3.0/24 10.9.0.9\n20.0.4.0/24\n")
    add(d, 1, "via", "10.9.0.3", "dev", "lo0")
    said = d.ctl("route", "load", path, "nhid", "via", "10.9.0.5", status=2)
    assert "2" in said and "no next hop with this id" in said, said
    assert "20.0." not in d.ctl("route")
    add(d, 2, "via", "10.9.0.4", "dev", "lo0")
    assert d.ctl("route", "load", path, "nhid", "via",
                 "10.9.0.5").startswith("loaded 5 routes")
    assert d.ctl("route", "show", "root", "20.0.0.0/8") == (
        "20.0.0.0/24 nhid 1 via 10.9.0.3 dev lo0\n"
        "20.0.1.0/24 nhid 2 via 10.9.0.4 dev lo0\n"
        "20.0.2.0/24 nhid 1 via 10.9.0.3 dev lo0\n"
        "20.0.3.0/24 via 10.9.0.9 dev lo0\n"
        "20.0.4.0/24 via 10.9.0.5 dev lo0\n")
    # Without the word an id says only which of them share a next hop.
    d.ctl("route", "load", path, "via", "10.9.0.6", "replace")
    assert "nhid" not in d.ctl("route")
    d.ctl("route", "load", path, "nhid", "via", "10.9.0.5", "replace")
    d.ctl("nexthop", "del", "id", "1")
    assert d.ctl("route", "show", "root", "20.0.0.0/8").count("\n") == 3
    d.ctl("nexthop", "flush")
    d.ctl("route", "flush", "proto", "boot")
    # The same in the configuration.
    text = BASE + ("nexthop id 1 via 10.9.0.3 dev lo0\n"
                   "nexthop id 2 via 10.9.0.4 dev lo0\n")
    d.reload(text + "table ids nhid via 10.9.0.5\n")
    assert "20.0.1.0/24 nhid 2 via 10.9.0.4 dev lo0 proto static\n" in \
        d.ctl("route")
    d.reload(text)
    assert "20.0." not in d.ctl("route")
    said = d.reload(BASE + "table ids nhid via 10.9.0.5\n", expect="psnetd: ")
    assert "no line defines this next hop" in said, said
    d.reload(BASE)


def events_are_told_in_order(d):
    p = subprocess.Popen([BUILD / "apps/psnetctl", "-S", d.path, "monitor",
                          "nexthop"], stdout=subprocess.PIPE, text=True)
    try:
        for n in range(200):   # until it is subscribed
            d.ctl("nexthop", "replace", "id", "1", "via", "10.9.0.%d" % (2 + n),
                  "dev", "lo0")
            time.sleep(0.05)
            if select_now(p.stdout):
                break
        while "id 1 via 10.9.0.%d dev" % (2 + n) not in p.stdout.readline():
            pass
        add(d, 2, "via", "192.0.2.1", "proto", "bgp")
        add(d, 3, "group", "1,3/2", "type", "resilient", "buckets", "4",
            "idle_timer", "7")
        add(d, 4, "group", "1")
        d.ctl("nexthop", "replace", "id", "2", "blackhole", status=2)
        d.ctl("nexthop", "replace", "id", "2", "via", "192.0.2.9")
        add(d, 5, "blackhole")
        d.ctl("nexthop", "replace", "id", "4", "group", "1", "backup", "5")
        d.ctl("nexthop", "del", "id", "5")
        d.ctl("nexthop", "del", "id", "1")
        d.ctl("nexthop", "flush")
        timers = " type resilient buckets 4 idle_timer 7 unbalanced_timer 0\n"
        for want in ("id 2 via 192.0.2.1 proto bgp\n", "id 3 group 1,3/2" +
                     timers, "id 4 group 1\n",
                     "Replaced id 2 via 192.0.2.9\n",
                     "id 5 blackhole\n", "Replaced id 4 group 1 backup 5\n",
                     "Replaced id 4 group 1\n", "Deleted id 5 blackhole\n"):
            assert p.stdout.readline() == "[nexthop]" + want, want
        rest = sorted(p.stdout.readline() for _ in range(5))
        assert rest == sorted("[nexthop]" + want for want in (
            "Replaced id 3 group 2" + timers, "Deleted id 4\n",
            "Deleted id 1 via 10.9.0.%d dev lo0\n" % (2 + n),
            "Deleted id 3\n", "Deleted id 2 via 192.0.2.9\n")), rest
    finally:
        p.kill()
        p.wait()


HOPS = """\
nexthop id 1 via 10.9.0.3 dev lo0
nexthop id 2 via 10.8.0.9 dev east protocol bgp
nexthop add id 3 blackhole
nexthop id 10 group 1,3/2 type resilient buckets 16
route 10.60.0.0/16 nhid 10
route 10.61.0.0/16 nhid 3
route 10.62.0.0/16 nhid 2
route 10.63.0.0/16 via 192.0.2.77 recursive
"""
SHOWN = ("id 1 via 10.9.0.3 dev lo0 proto static\n"
         "id 2 via 10.8.0.9 dev east proto bgp\n"
         "id 3 blackhole proto static\n"
         "id 10 group 1,3/2 type resilient buckets 16 idle_timer 120 "
         "unbalanced_timer 0 proto static\n")


def the_file_makes_changes_and_removes_them(d):
    def routes():
        return d.ctl("route", "show", "root", "10.60.0.0/15")

    d.reload(BASE + HOPS)
    assert d.ctl("nexthop") == SHOWN
    both = routes()
    assert both.startswith("10.60.0.0/16 nhid 10 ") and "nhid 3" in both
    # What it does not name, stays; what was lost is made again.
    add(d, 99, "unreachable")
    d.ctl("nexthop", "del", "id", "1")
    d.ctl("nexthop", "del", "id", "3")
    assert routes().count("/16") == 1
    d.reload(BASE + HOPS)
    assert d.ctl("nexthop") == SHOWN + "id 99 unreachable\n"
    assert routes() == both
    # Also what went with its interface.
    d.ctl("link", "del", "east")
    assert "id 2" not in d.ctl("nexthop")
    d.reload(BASE + HOPS)
    assert d.ctl("nexthop") == SHOWN + "id 99 unreachable\n"
    # A member may become a drop when the group names it no more.
    d.reload(BASE + HOPS.replace("via 10.8.0.9 dev east", "prohibit").replace(
        "group 1,3/2", "group 1"))
    assert "id 2 prohibit proto bgp\n" in d.ctl("nexthop")
    assert "id 10 group 1 type resilient" in d.ctl("nexthop")
    assert "prohibit 10.62.0.0/16 nhid 2 " in d.ctl("route")
    d.reload(BASE + HOPS)
    assert d.ctl("nexthop") == SHOWN + "id 99 unreachable\n"
    # Another kind of thing may take an id, in any order of the lines.
    d.reload(BASE + "nexthop id 3 group 2/1\nnexthop id 10 via 192.0.2.1\n" +
             HOPS.replace("nexthop add id 3 blackhole\n", "").split(
                 "nexthop id 10")[0])
    assert "id 3 group 2/1 proto static\nid 10 via 192.0.2.1 " in \
        d.ctl("nexthop")
    assert routes() == ""
    d.reload(BASE)
    assert d.ctl("nexthop") == "id 99 unreachable\n"
    d.ctl("nexthop", "flush")


def a_reload_that_fails_changes_no_next_hop(d):
    d.reload(BASE + HOPS)
    before = d.ctl("nexthop") + d.ctl("route")
    # A step behind those of next hops and routes fails.
    broken = BASE + HOPS.replace("10.9.0.3", "10.9.0.4").replace(
        "nexthop add id 3 blackhole\n", "").replace(
        " type resilient buckets 16", "").replace("nhid 3", "nhid 7") + \
        "nexthop id 7 prohibit\n"
    said = d.reload(broken + "neighbour 10.8.0.77 lladdr ff:ff:ff:ff:ff:ff "
                    "dev east\n", expect="psnetd: ")
    assert "ff:ff:ff:ff:ff:ff" in said, said
    assert d.ctl("nexthop") + d.ctl("route") == before
    # The interface was made anew by then, and what was on it.
    said = d.reload(BASE.replace("peer=west", "peer=west delay=1us") + HOPS +
                    "neighbour 10.8.0.77 lladdr ff:ff:ff:ff:ff:ff dev east\n",
                    expect="psnetd: ")
    assert "ff:ff:ff:ff:ff:ff" in said, said
    assert d.ctl("nexthop") + d.ctl("route") == before
    said = d.reload(BASE + HOPS + "nexthop id 4 group 1/77\n",
                    expect="psnetd: ")
    assert ":%d: 77: no line defines this next hop" % (
        (BASE + HOPS).count("\n") + 1) in said, said
    assert d.ctl("nexthop") + d.ctl("route") == before
    d.reload(BASE)


def examples(text, start):
    return [line.split()[1:] for line in text.splitlines()
            if line.startswith(start + "psnetctl ")]


def the_examples_of_the_documentation_work(d):
    manual = (SOURCE / "docs/man/psnetctl-nexthop.8").read_text()
    hosts = (("wan", "192.0.2.2"), ("lan", "10.0.0.1"), ("lan", "10.1.0.1"))
    for dev in ("wan", "lan"):
        d.ctl("link", "add", dev, "type", "loop", "up")
    for dev, addr in hosts:
        d.ctl("addr", "add", addr + "/24", "dev", dev)
    for words in (examples(manual, ""),
                  examples(d.ctl("nexthop", "help"), "  ")):
        assert len(words) > 4, words
        for line in words:
            d.ctl(*line)
        d.ctl("nexthop", "flush")
        d.ctl("route", "flush", "proto", "boot")
    d.ctl("link", "del", "wan")
    d.ctl("link", "del", "lan")


def far_gateways(c, dev, net):
    """Eight of them on dev, each with sixty other ways once dev is gone."""
    hops = iter(range(1, 481))
    for i in range(1, 9):
        ways = [{"gateway": "10.64.%d.%d" % (1 + n // 200, 1 + n % 200),
                 "dev": "lo0"} for n in (next(hops) for _ in range(60))]
        for args in ({"dst": "20.%d.0.0/16" % i, "nexthops": ways},
                     {"dst": "20.%d.0.0/24" % i,
                      "gateway": "%s.%d" % (net, 9 + i)}):
            r = c.ask("route.add", **args)
            assert r["ok"], r
    r = c.ask("route.add", dst="30.0.0.0/8", nexthops=[
        {"gateway": "20.%d.0.1" % i, "recursive": True} for i in range(1, 9)])
    assert r["ok"], r


def a_link_goes_although_gateways_come_to_more_than_fits(d):
    d.ctl("addr", "add", "10.64.0.1/16", "dev", "lo0")
    d.ctl("link", "add", "e9", "type", "wire", "peer=w9", "up")
    d.ctl("addr", "add", "10.65.0.1/24", "dev", "e9")
    c = d.client()
    far_gateways(c, "e9", "10.65.0")
    for i in range(1, 6):  # the fifth would be one too many
        d.ctl("route", "del", "20.%d.0.0/24" % i)
    d.ctl("addr", "del", "10.65.0.1/24", "dev", "e9")
    d.ctl("link", "del", "e9")
    text = d.ctl("route", "get", "30.1.1.1", "details")
    assert "next hops left out 224" in text, text
    assert text.count(": more next hops than fit\n") == 4, text
    assert text.count(": found\n") == 4, text
    for i in range(1, 9):
        d.ctl("route", "del", "20.%d.0.0/16" % i)
    assert "left out" not in d.ctl("route", "get", "30.1.1.1", "details")
    d.ctl("route", "del", "30.0.0.0/8")
    d.ctl("addr", "del", "10.64.0.1/16", "dev", "lo0")
    c.close()


def a_link_goes_although_all_buckets_are_taken(d):
    d.ctl("link", "add", "e9", "type", "wire", "peer=w9", "up")
    d.ctl("addr", "add", "10.65.0.1/24", "dev", "e9")
    add(d, 1, "via", "10.9.0.3", "dev", "lo0")
    add(d, 2, "via", "10.9.0.4", "dev", "lo0")
    add(d, 3, "via", "10.65.0.4", "dev", "e9")
    c = d.client()
    # A route with next hops of its own, which needs another group later.
    r = c.ask("route.add", dst="21.0.0.0/8", nexthops=[
        {"gateway": "10.9.0.3", "dev": "lo0"},
        {"gateway": "10.9.0.4", "dev": "lo0", "weight": 255},
        {"gateway": "10.65.0.4", "dev": "e9", "weight": 254}])
    assert r["ok"], r
    group = [{"id": 1}, {"id": 2, "weight": 65535}, {"id": 3, "weight": 60000}]
    n = 0
    while c.code("nexthop.add", id=10 + n, group=group) is None:
        n += 1
    while c.code("nexthop.add", id=10 + n, group=[{"id": 1}, {"id": 2}]) is None:
        n += 1
    d.ctl("route", "add", "20.0.0.0/8", "nhid", "10")
    d.ctl("link", "del", "e9")
    d.ctl("nexthop", "get", "id", "3", status=2)
    assert d.ctl("nexthop", "get", "id", "10") == "id 10 group 1/2,65535\n"
    text = d.ctl("route", "get", "20.0.0.1", "details")
    assert "10.65.0.4" not in text and "weight 65535" in text, text
    text = d.ctl("route", "show", "21.0.0.0/8")
    assert "10.9.0.3" in text and "10.9.0.4" in text, text
    assert "10.65.0.4" not in text, text
    assert "next hops left out 1" in d.ctl(
        "route", "get", "21.0.0.1", "details")
    d.ctl("route", "del", "21.0.0.0/8")
    d.ctl("route", "del", "20.0.0.0/8")
    d.ctl("nexthop", "flush")
    c.close()


if __name__ == "__main__":
    sys.exit(daemon.run([
        objects_are_edited_and_shown, what_is_shown_can_be_said_again,
        json_has_the_names_of_iproute2,
        buckets_are_shared_by_weight_and_have_idle_times,
        a_backup_is_used_while_no_member_is_up,
        the_file_has_backups_in_any_order,
        what_is_wrong_is_said_and_changes_nothing,
        an_interface_takes_its_next_hops_along,
        routes_name_what_they_lead_to, a_gateway_on_no_link_follows_the_routes,
        a_table_file_may_name_next_hops, events_are_told_in_order,
        the_file_makes_changes_and_removes_them,
        a_reload_that_fails_changes_no_next_hop,
        the_examples_of_the_documentation_work,
        a_link_goes_although_gateways_come_to_more_than_fits,
        a_link_goes_although_all_buckets_are_taken,
    ]))
