#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""psnetd and psnetctl as they are, over loop and wire interfaces: no root.

usage: test_psnetd.py BUILD-FOLDER

A test is a function that takes a running daemon; its name is the claim.
"""
import json
import socket
import subprocess
import sys
import time

import daemon
from daemon import BASE, BUILD, large, load, make_list, select_now


# -- the protocol ----------------------------------------------------------------

def bad_requests_are_answered_by_name(d):
    c = d.client()
    for text, code, word in (
            (b'{"v":2,"id":7,"cmd":"hello"}', "EPROTONOSUPPORT", "v"),
            (b'{"id":7,"cmd":"hello"}', "EINVAL", "v"),
            (b'{"v":1,"id":7}', "EINVAL", "cmd"),
            (b'{"v":1,"id":7,"cmd":"hello","x":1}', "EINVAL", "x"),
            (b'{"v":1,"id":7,"cmd":"hello","args":[]}', "EINVAL", "args"),
            (b'{"v":1,"id":"7","cmd":"hello"}', "EINVAL", "id"),
            (b'{"v":1,"id":7,"cmd":"hello","args":{"y":1}}', "EINVAL", "y"),
            (b'{"v":1,"id":7,"cmd":"frobnicate"}', "ENOSYS", "frobnicate"),
            (b'{"v":1,"id":7,"cmd":"hello","cmd":"hello"}', "EINVAL", None),
            (b'[1]', "EINVAL", None), (b'{', "EINVAL", None),
            (b'\xff\xfe', "EINVAL", None)):
        c.raw(text + b"\n")
        r = c.line()
        assert not r["ok"] and r["error"]["code"] == code, (text, r)
        assert r["error"].get("word") == word, (text, r)
        assert r["error"]["message"], r
    hello = c.ask("hello")["result"]
    assert hello["protocol"] == 1, "still connected"
    drivers = [d["name"] for d in hello["drivers"]]
    assert sorted(drivers) == ["af_packet", "loop", "tap", "wire"], drivers


def wrong_arguments_are_answered_by_name(d):
    c = d.client()
    for cmd, args, code in (
            ("link.show", {"dev": "nope"}, "ENODEV"),
            ("link.set", {"dev": "lo0", "mtu": 1}, "EINVAL"),
            ("link.set", {"dev": "lo0", "up": 1}, "EINVAL"),
            ("link.add", {"dev": "x"}, "EINVAL"),
            ("link.add", {"dev": "x", "driver": "nope"}, "ENOENT"),
            ("link.add", {"dev": "lo0", "driver": "loop"}, "EEXIST"),
            ("link.del", {"dev": "nope"}, "ENODEV"),
            ("addr.add", {"dev": "lo0", "local": "10.9.0.1", "prefixlen": 24},
             "EEXIST"),
            ("addr.add", {"dev": "east", "local": "10.9.0.1"}, "EADDRINUSE"),
            ("addr.add", {"dev": "lo0", "local": "224.0.0.1"},
             "EADDRNOTAVAIL"),
            ("addr.del", {"dev": "lo0", "local": "10.1.1.1"}, "EADDRNOTAVAIL"),
            ("route.add", {"dst": "10.2.0.0/16", "gateway": "10.9.0.3",
                           "protocol": "static"}, "EEXIST"),
            ("route.add", {"dst": "10.2.0.0/16", "gateway": "10.9.0.3",
                           "distance": 256}, "EINVAL"),
            ("route.add", {"dst": "10.2.0.1/16", "gateway": "10.9.0.3"},
             "EINVAL"),
            ("route.add", {"dst": "10.77.0.0/16"}, "EINVAL"),
            ("route.add", {"dst": "10.77.0.0/16", "gateway": "1.1.1.1"},
             "ENETUNREACH"),
            ("route.add", {"dst": "10.77.0.0/16", "dev": "nope"}, "ENODEV"),
            ("route.add", {"dst": "10.77.0.0/16", "nexthops": [{}]}, "EINVAL"),
            ("route.change", {"dst": "10.77.0.0/16", "dev": "lo0"}, "ENOENT"),
            ("route.del", {"dst": "10.77.0.0/16"}, "ENOENT"),
            ("route.del", {"dst": "10.2.0.0/16", "gateway": "10.9.0.7"},
             "ENOENT"),
            ("route.del", {"dst": "10.9.0.0/24"}, "EPERM"),
            ("route.get", {"dst": "99.0.0.1"}, "ENETUNREACH"),
            ("route.load", {}, "EBADF"),
            ("neigh.add", {"dst": "10.8.0.9", "dev": "east",
                           "lladdr": "02:00:00:00:00:09"}, "EEXIST"),
            ("neigh.del", {"dst": "10.8.0.77", "dev": "east"}, "ENOENT"),
            ("neigh.add", {"dst": "10.8.0.7", "dev": "east",
                           "lladdr": "ff:ff:ff:ff:ff:ff"}, "EINVAL"),
            ("option.set", {"name": "nope", "value": 1}, "ENOENT"),
            ("option.set", {"name": "default-ttl", "value": 256}, "EINVAL"),
            ("monitor", {"kinds": ["nope"]}, "EINVAL")):
        assert c.code(cmd, **args) == code, (cmd, args, c.code(cmd, **args))


def requests_may_be_cut_or_joined(d):
    c = d.client()
    one = b'{"v":1,"id":5,"cmd":"hello"}\n'
    for i in range(len(one)):
        c.raw(one[i:i + 1])
    assert c.line()["id"] == 5
    c.raw(one * 300)
    assert all(c.line()["ok"] for _ in range(300))
    c.raw(b"\n  \n\r\n" + one)
    assert c.line()["ok"], "blank lines do not count"


def an_endless_request_is_refused(d):
    c = d.client()
    try:
        c.raw(b'{"v":1,' + b" " * 200000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    r = c.line()
    assert r["error"]["code"] == "EMSGSIZE", r
    d.client().ask("hello")


def input_that_ends_is_still_answered(d):
    c = d.client()
    c.raw(b'{"v":1,"id":1,"cmd":"hello"}\n{"v":1,"id":2,"cmd":"route.show"}\n')
    c.sock.shutdown(socket.SHUT_WR)
    assert c.line()["id"] == 1 and c.line()["id"] == 2
    assert c.line() is None, "and then the daemon closes"


def clients_are_bounded(d):
    many = [d.client() for _ in range(80)]
    codes = []
    for c in many:
        try:
            c.send("hello")
        except BrokenPipeError:
            pass
        r = c.line()
        codes.append("ok" if r["ok"] else r["error"]["code"])
    assert codes.count("ok") == 64 and codes.count("EUSERS") == 16, codes
    for c in many:
        c.close()
    for _ in range(100):   # until the daemon noticed
        c = d.client()
        try:
            c.send("hello")
        except BrokenPipeError:
            pass
        if c.line()["ok"]:
            return
        time.sleep(0.05)
    raise AssertionError("no room after all left")


def a_client_that_never_reads_harms_nobody(d):
    load(d, make_list(d, 20000), replace=True)
    slow = d.client()
    for _ in range(50):
        slow.send("route.show", table="all")
    monitor = d.client()
    assert monitor.ask("monitor", kinds=["route"])["ok"]
    c = d.client()
    for i in range(20000):
        c.raw(b'{"v":1,"id":1,"cmd":"route.replace","args":'
              b'{"dst":"10.66.0.0/16","gateway":"10.9.0.%d"}}\n'
              % (2 + i % 200))
        assert c.line()["ok"]
    lost = 0
    while lost == 0:
        lost = monitor.line().get("lost", 0)
    assert lost > 0, "events were lost, and the client was told"
    slow.close()
    assert c.ask("route.flush", protocol="boot")["ok"]


# -- psnetctl ----------------------------------------------------------------------

def links_are_shown_set_added_deleted(d):
    assert "lo0: <LOOPBACK" in d.ctl("link", "show", "lo0")
    assert "mtu 1500" in d.ctl("l", "s", "dev", "west")
    d.ctl("link", "add", "name", "x0", "type", "loop", "mtu", "1400", "up")
    link = d.ctl_json("link", "show", "x0")[0]
    assert link["mtu"] == 1400 and "UP" in link["flags"], link
    assert link["driver"] == "loop" and link["operstate"] == "UP"
    d.ctl("link", "set", "dev", "x0", "down", "mtu", "1300")
    link = d.ctl_json("link", "show", "x0")[0]
    assert link["mtu"] == 1300 and "UP" not in link["flags"], link
    text = d.ctl("-s", "link", "show", "x0")
    assert "worker 0" in text and "worker 1" in text, text
    assert len(d.ctl_json("-s", "link", "show", "x0")[0]["worker_stats"]) == 2
    d.ctl("link", "del", "x0")
    assert "x0" not in d.ctl("link")


def addresses_are_shown_added_deleted(d):
    d.ctl("addr", "add", "10.7.0.1/24", "dev", "lo0")
    assert "inet 10.7.0.1/24 brd 10.7.0.255 scope global lo0" in d.ctl("addr")
    info = d.ctl_json("addr", "show", "lo0")[0]["addr_info"]
    assert {"10.9.0.1", "10.7.0.1"} == {a["local"] for a in info}, info
    d.ctl("a", "d", "10.7.0.1/24", "dev", "lo0")
    assert "10.7.0.1" not in d.ctl("addr")


def neighbours_are_edited_and_shown(d):
    d.ctl("neigh", "add", "10.8.0.5", "lladdr", "02:00:00:00:00:05", "dev",
          "east")
    line = "10.8.0.5 dev east lladdr 02:00:00:00:00:05 PERMANENT\n"
    assert line in d.ctl("neigh"), d.ctl("neigh")
    d.ctl("neigh", "replace", "10.8.0.5", "lladdr", "02:00:00:00:00:06", "dev",
          "east")
    entry = d.ctl_json("neigh", "show", "10.8.0.0/29", "dev", "east")
    assert entry == [{"dst": "10.8.0.5", "dev": "east", "state": ["PERMANENT"],
                      "lladdr": "02:00:00:00:00:06"}], entry
    assert "confirmed" in d.ctl("-s", "neigh")
    d.ctl("neigh", "del", "10.8.0.5", "dev", "east")
    assert "10.8.0.5" not in d.ctl("neigh")
    d.ctl("neigh", "flush", "dev", "east")
    assert "10.8.0.9" in d.ctl("neigh"), "permanent entries stay"
    assert d.ctl("neigh", "flush", "all", "permanent") == "removed 1\n"
    d.ctl("neigh", "add", "10.8.0.9", "lladdr", "02:00:00:00:00:09", "dev",
          "east")


def bounds_of_neighbours_are_shown_and_changed(d):
    t = d.ctl_json("ntable", "show", "dev", "east")
    assert len(t) == 1 and t[0]["dev"] == "east", t
    assert t[0]["params"]["thresh3"] == 4096, t
    assert t[0]["states"]["permanent"] == t[0]["entries"] == 1, t
    assert "counters" not in t[0]
    d.ctl("ntable", "change", "dev", "east", "incomplete", "64", "rate", "32",
          "base_reachable", "15000")
    t = d.ctl_json("-s", "ntable", "show", "east")[0]
    assert t["params"]["incomplete"] == 64, t
    assert t["params"]["rate"] == 32, t
    assert t["params"]["base_reachable"] == 15000, t
    assert t["params"]["held"] == 512, t
    assert t["counters"]["created"] >= 1, t
    text = d.ctl("-s", "ntable")
    assert "inet dev east entries 1 waiting 0\n" in text, text
    assert " incomplete 64 " in text and " renewals 0" in text, text
    for status, words, reason in (
            (2, ("dev", "east", "thresh3", "4097"), "made for 4096"),
            (1, ("dev", "east", "incomplete", "0"), "not a number above 0"),
            (2, ("dev", "east", "nonsense", "1"), "nonsense"),
            (2, ("dev", "lo0", "incomplete", "1"), "has no neighbours"),
            (1, ("incomplete", "1"), "dev NAME")):
        said = d.ctl("ntable", "change", *words, status=status)
        assert reason in said, (words, said)
    assert d.ctl_json("ntable")[0]["params"]["incomplete"] == 64


def tables_of_neighbours_are_as_large_as_the_file_says(d):
    folder = d.dir / "large"
    folder.mkdir()
    other = daemon.Daemon(folder, BASE + "neighbours 5000\n")
    try:
        t = other.ctl_json("ntable", "show", "dev", "east")[0]
        assert t["params"]["thresh3"] == 5000, t
        assert "made for 5000" in other.ctl(
            "ntable", "change", "dev", "east", "thresh3", "5001", status=2)
    finally:
        other.stop()


def options_are_set_and_shown(d):
    assert "forwarding 1\n" in d.ctl("set")
    d.ctl("set", "default-ttl", "77")
    assert {"name": "default-ttl", "value": 77} in d.ctl_json("set")
    d.ctl("set", "default-ttl", "64")
    d.ctl("set", "flow-cache", "auto")
    assert {"name": "flow-cache", "value": 2} in d.ctl_json("set")
    assert "\"maybe\"" in d.ctl("set", "flow-cache", "maybe", status=1)
    assert "out of range" in d.ctl("set", "flow-cache", "3", status=2)
    d.ctl("set", "flow-cache", "off")


def statistics_and_drops_are_shown(d):
    text = d.ctl("stats")
    assert "east" in text and "tx packets" in text
    s = d.ctl_json("stats")
    assert {w["worker"] for w in s["workers"]} == {0, 1}
    assert {w["worker"] for w in s["flows"]} == {0, 1}
    assert s["flows"][0]["hits"] == s["flows"][0]["bypassed"] == 0, s["flows"]
    assert "switches" in text
    east = sum(i["tx_packets"] for i in s["interfaces"]
               if i["ifname"] == "east")
    assert east > 0, "the address was announced"
    assert "per second" in d.ctl("stats", "-w", "1", "-c", "1")
    assert "meaning" in d.ctl("drops")
    assert "no such interface" in d.ctl("drops", "nope", status=2)
    for drop in d.ctl_json("drops"):
        assert drop["count"] > 0 and drop["text"] and drop["reason"], drop


def the_exit_status_and_the_message_say_who_refused(d):
    assert "\"10.0.0.1/8\"" in d.ctl(
        "route", "add", "10.0.0.1/8", "via", "10.9.0.2", status=1)
    assert "\"frob\"" in d.ctl("frob", status=1)
    assert "\"frob\"" in d.ctl("route", "frob", status=1)
    assert "\"-frob\"" in d.ctl("-frob", status=1)
    assert "psnetd answers: \"99.0.0.1\"" in d.ctl(
        "route", "get", "99.0.0.1", status=2)
    r = subprocess.run([BUILD / "apps/psnetctl", "-S", d.dir / "none", "link"],
                       capture_output=True, text=True, check=False)
    assert r.returncode == 2 and "Cannot reach psnetd" in r.stderr, r


def every_object_has_help_with_examples(d):
    assert "Examples:" in d.ctl("--help")
    for o in ("link", "addr", "route", "neigh", "stats", "drops", "set",
              "monitor", "neighbor"):
        assert o[:4] in d.ctl("help", o) and "Example" in d.ctl(o, "help"), o


def a_batch_stops_at_an_error_unless_forced(d):
    batch = d.dir / "batch"
    batch.write_text("# comment\nroute add 10.31.0.0/16 via 10.9.0.2\n"
                     "route add 10.31.0.0/16 via 10.9.0.2\n"
                     "route add 10.32.0.0/16 via 10.9.0.2\n")
    err = d.ctl("-b", batch, status=2)
    assert "Command failed %s:3" % batch in err, err
    assert "10.32.0.0/16" not in d.ctl("route")
    d.ctl("route", "flush", "proto", "boot")
    err = d.ctl("-force", "-batch", batch, status=2)
    assert "Command failed %s:3" % batch in err, err
    assert "10.32.0.0/16" in d.ctl("route")
    d.ctl("route", "flush", "proto", "boot")
    out = d.ctl("-force", "-rate", "1000", "-b", "-",
                input="route replace 10.31.0.0/16 via 10.9.0.2\n" * 300)
    assert out.startswith("300 commands, 0 failed"), out
    d.ctl("route", "flush", "proto", "boot")


# -- reloads -------------------------------------------------------------------------

def a_reload_touches_only_what_differs(d):
    before = d.ctl_json("-s", "link")
    d.ctl("route", "add", "10.55.0.0/16", "via", "10.9.0.2")
    d.reload(BASE + "interface x loop up\naddress 10.6.0.1/24 dev x\n"
             "route 10.61.0.0/16 via 10.6.0.2\n")
    after = d.ctl_json("-s", "link")
    names = {i["ifname"]: i for i in after}
    for link in before:
        same = names[link["ifname"]]
        assert same["id"] == link["id"], "the same interface"
        assert same["stats"]["tx"]["packets"] >= \
            link["stats"]["tx"]["packets"], "and its counters"
    assert "10.61.0.0/16 via 10.6.0.2 dev x proto static" in d.ctl("route")
    assert "10.55.0.0/16" in d.ctl("route"), "not the file's business"
    d.reload(BASE)
    assert "10.61.0.0/16" not in d.ctl("route")
    assert "x:" not in d.ctl("link")
    d.ctl("route", "del", "10.55.0.0/16")


def a_failed_reload_changes_nothing(d):
    before = d.state()
    for text, what in (
            (BASE + "frob\n", ":10: frob: not one of"),
            (BASE + "route 10.2.0.0/16 via 10.9.0.3\n", "line 7"),
            (BASE + "route 10.66.0.0/16 via 1.1.1.1\n", ":10: 1.1.1.1: no"),
            (BASE.replace("workers 2", "workers 1"), "conf:1: workers: cannot"),
            (BASE + "neighbours 99\n", ":10: neighbours: cannot"),
            (BASE + "table /none via 10.9.0.2\n", ":10: /none: No such"),
            (BASE.replace("set forwarding on", "set forwarding off") +
             "set default-ttl 256\n", ":10: default-ttl: the value 256"),
            # These fail while they are applied, after other changes.
            (BASE.replace("dev lo0\n", "dev lo0\naddress 10.6.0.1/24 dev "
                          "lo0\n").replace("lo0 loop", "lo0 loop mtu 9000") +
             "interface x loop up\nroute 10.66.0.0/16 via 10.9.0.2 src 10.1.2.3\n",
             ":12: 10.66.0.0/16: the route is not valid"),
            (BASE.replace("interface lo0 loop", "interface lo0 loop x=1") +
             "set default-ttl 9\n", "nothing is changed"),
            (BASE.replace("interface lo0 loop", "interface l1 loop")
             .replace("dev lo0", "dev l1") +
             "route 10.66.0.0/16 via 10.9.0.2 src 10.1.2.3\n", "is not valid")):
        said = d.reload(text, "nothing is changed")
        assert what in said, said
        for a, b in zip(before, d.state()):
            drop_ids(a)
            drop_ids(b)
            assert a == b, (text, a, b)
    d.reload(BASE)


def a_device_that_changes_is_made_anew_with_what_hangs_on_it(d):
    d.reload(BASE.replace("east wire peer=west", "east wire peer=north"))
    assert "north" in d.ctl("link")
    assert "west" not in d.ctl("link"), "the other end went along"
    assert "10.8.0.9 dev east lladdr 02:00:00:00:00:09" in d.ctl("neigh")
    assert "inet 10.8.0.1/24" in d.ctl("addr", "show", "east")
    d.reload(BASE)
    assert "north" not in d.ctl("link")


def both_ends_of_a_wire_are_restored_when_a_reload_fails(d):
    wrong = "interface x loop nonsense=1\n"
    links = d.ctl("link").count("driver")
    d.reload(BASE + "interface a wire peer=b\n" + wrong, "nothing is changed")
    assert d.ctl("link").count("driver") == links
    d.ctl("link", "set", "west", "up", "mtu", "1400")
    d.ctl("addr", "add", "10.7.0.1/24", "dev", "west")
    d.ctl("route", "add", "10.77.0.0/16", "via", "10.7.0.2")
    before = d.state()
    for text in (BASE.replace("peer=west", "peer=north"),
                 "".join(l for l in BASE.splitlines(True) if "east" not in l)):
        d.reload(text + wrong, "nothing is changed")
        for a, b in zip(before, d.state()):
            drop_ids(a)
            drop_ids(b)
            assert a == b, (text, a, b)
    d.ctl("link", "del", "west")
    assert "east" not in d.ctl("link"), "the first end went along"
    d.reload(BASE)
    assert d.ctl("link").count("driver") == links


def what_was_lost_is_made_again(d):
    d.ctl("link", "del", "lo0")
    assert "10.2.0.0/16" not in d.ctl("route")
    d.reload(BASE)
    assert "10.2.0.0/16 via 10.9.0.2 dev lo0 proto static" in d.ctl("route")
    d.ctl("route", "del", "10.2.0.0/16")
    d.ctl("addr", "del", "10.8.0.1/24", "dev", "east")
    d.reload(BASE)
    assert "10.2.0.0/16" in d.ctl("route")
    assert "10.8.0.1/24" in d.ctl("addr")


def a_table_of_the_file_is_loaded_and_changed(d):
    table = make_list(d, 20000)
    text = BASE + "table %s via 10.9.0.2\n" % table.name
    before = d.routes()
    d.reload(text)
    assert d.routes() == before + 20000
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[1:] + ["9.0.0.0/8 10.9.0.3"]) + "\n")
    d.reload(text)
    assert d.routes() == before + 20000
    assert d.ctl("route", "show", "20.0.0.0/24") == ""
    assert "via 10.9.0.3" in d.ctl("route", "show", "9.0.0.0/8")
    table.write_text("\n".join(lines[:100]) + "\n9.0.0.0/99\n")
    assert "%s:101: 9.0.0.0/99" % table in d.reload(text, "nothing is changed")
    assert d.routes() == before + 20000
    d.reload(BASE)
    assert d.routes() == before


# -- the process ---------------------------------------------------------------------

def the_socket_is_private_and_has_one_owner(d):
    assert d.path.stat().st_mode & 0o777 == 0o660
    r = subprocess.run([BUILD / "apps/psnetd", "-f", d.config, "-s", d.path],
                       capture_output=True, text=True, timeout=60, check=False)
    assert r.returncode == 1 and "in use" in r.stderr, r
    assert d.ctl("link"), "the first one lives on"
    file = d.dir / "file"
    file.write_text("precious")
    r = subprocess.run([BUILD / "apps/psnetd", "-f", d.config, "-s", file],
                       capture_output=True, text=True, timeout=60, check=False)
    assert r.returncode == 1 and "%s: File exists" % file in r.stderr, r
    assert file.read_text() == "precious"


def the_exit_status_of_the_daemon_means_something(d):
    def run(*args):
        return subprocess.run([BUILD / "apps/psnetd", *args], text=True,
                              capture_output=True, timeout=60, check=False)
    bad = d.dir / "bad"
    bad.write_text("interface lo0 loop\nfrob\n")
    assert run("-t", "-f", d.config).returncode == 0
    r = run("-t", "-f", bad)
    assert r.returncode == 3 and "%s:2: frob: " % bad in r.stderr, r
    assert run("-f", bad).returncode == 3
    assert run("-t", "-f", d.dir / "none").returncode == 3
    assert run("-x").returncode == 2
    assert run("-w", "0").returncode == 2
    assert "Example" in run("--help").stdout
    assert run("--version").stdout.startswith("psnetd ")


def a_signal_ends_it_cleanly_with_clients_connected(d):
    c = d.client()
    c.ask("monitor")
    with make_list(d, large(300000)).open("rb") as f:
        d.client().send("route.load", fd=f.fileno(), gateway="10.9.0.2")
    assert d.stop() == 0, d.log.read_text()
    assert not d.path.exists()


def drop_ids(objects):
    """An interface that had to be restored has a new index."""
    for o in objects:
        o.pop("ifindex", None)
        o.pop("id", None)
        if o.get("driver") == "wire":
            o.pop("address", None)
    objects.sort(key=json.dumps)


TESTS = [
    bad_requests_are_answered_by_name, wrong_arguments_are_answered_by_name,
    requests_may_be_cut_or_joined, an_endless_request_is_refused,
    input_that_ends_is_still_answered, clients_are_bounded,
    a_client_that_never_reads_harms_nobody, links_are_shown_set_added_deleted,
    addresses_are_shown_added_deleted,
    neighbours_are_edited_and_shown,
    bounds_of_neighbours_are_shown_and_changed,
    tables_of_neighbours_are_as_large_as_the_file_says, options_are_set_and_shown,
    statistics_and_drops_are_shown,
    the_exit_status_and_the_message_say_who_refused,
    every_object_has_help_with_examples,
    a_batch_stops_at_an_error_unless_forced,
    a_reload_touches_only_what_differs, a_failed_reload_changes_nothing,
    a_device_that_changes_is_made_anew_with_what_hangs_on_it,
    what_was_lost_is_made_again, a_table_of_the_file_is_loaded_and_changed,
    both_ends_of_a_wire_are_restored_when_a_reload_fails,
    the_socket_is_private_and_has_one_owner,
    the_exit_status_of_the_daemon_means_something,
    a_signal_ends_it_cleanly_with_clients_connected,
]

if __name__ == "__main__":
    sys.exit(daemon.run(TESTS))
