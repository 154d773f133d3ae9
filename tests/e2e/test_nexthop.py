#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""End to end: which way packets go by numbered next hops, and what moves them.

usage: test_nexthop.py DRIVER BUILD-FOLDER SOURCE-FOLDER

The next hops are stations that only have a link address; who listens on the
link sees which of them a packet was sent to.

Prints TAP.  Needs root, namespaces and, for the driver tap, /dev/net/tun;
skips with the reason otherwise.
"""
import os
import pathlib
import select
import signal
import subprocess
import sys
import time
import traceback

DRIVER, BUILD, SOURCE = sys.argv[1:4]
sys.path.insert(0, str(pathlib.Path(SOURCE) / "scripts"))
import netlab  # noqa: E402
from netlab import eventually  # noqa: E402

FLOWS = 400
STATIONS = {"10.2.0.11": "wan", "10.2.0.12": "wan", "10.2.0.13": "wan",
            "10.1.0.14": "lan"}

LISTEN = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.bind(('eth0', 0))
print('ready', flush=True)
while True:
    f, who = s.recvfrom(2048)
    if who[2] != 4 and f[12:14] == b'\\x08\\0' and f[30:32] == b'\\x0a\\x09':
        print(f[5], f[32] * 256 + f[33], flush=True)
"""

SEND = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 4000))
for k, i in enumerate(map(int, sys.argv[1].split(','))):
    s.sendto(b'x', ('10.9.%d.%d' % (i // 256, i % 256), 9))
    if k % 16 == 15:
        time.sleep(0.002)
"""


def listen(lab, host):
    p = lab.spawn(host, "python3", "-c", LISTEN, stdout=subprocess.PIPE)
    line = p.stdout.readline()
    assert line == b"ready\n", line
    os.set_blocking(p.stdout.fileno(), False)
    return p


def hear(listeners, seen, wanted):
    """Read until all are seen, or for a while; a flow has one way."""
    end = time.monotonic() + 3
    rest = {p: b"" for p in listeners}
    while time.monotonic() < end and len(seen) < wanted:
        ready = select.select([p.stdout for p in listeners], [], [], 0.1)[0]
        for p in listeners:
            if p.stdout not in ready:
                continue
            lines = (rest[p] + (p.stdout.read() or b"")).split(b"\n")
            rest[p] = lines.pop()
            for line in lines:
                station, flow = map(int, line.split())
                assert seen.setdefault(flow, station) == station, line


def ways(lab, flows=range(FLOWS)):
    """The station that each flow's packet goes to; what is lost is repeated."""
    listeners = [listen(lab, host) for host in ("client", "server")]
    seen = {}
    try:
        for _ in range(5):
            missing = [i for i in flows if i not in seen]
            if not missing:
                break
            lab.on("client", "python3", "-c", SEND,
                   ",".join(map(str, missing)))
            hear(listeners, seen, len(flows))
    finally:
        for p in listeners:
            lab.end(p)
    assert len(seen) == len(flows), "%d of %d" % (len(seen), len(flows))
    return seen


def count(seen, station):
    return list(seen.values()).count(station)


def nexthop(lab, *words):
    lab.ctl("nexthop", *words)


def single(lab, verb, n, station):
    addr = [a for a in STATIONS if a.endswith(".%d" % station)][0]
    nexthop(lab, verb, "id", str(n), "via", addr, "dev", STATIONS[addr])


def clear(lab):
    nexthop(lab, "flush")
    routes = lab.ctl("route", "show", "root", "10.9.0.0/16").stdout
    assert routes == "", routes


# -- the tests: each takes the laboratory; the name is the claim ------------

def flows_are_spread_by_weight_and_stay(lab):
    single(lab, "add", 1, 11)
    single(lab, "add", 2, 12)
    nexthop(lab, "add", "id", "10", "group", "1,3/2")
    lab.ctl("route", "add", "10.9.0.0/16", "nhid", "10")
    first = ways(lab)
    # 300 expected; seven standard deviations are 61.
    assert 239 <= count(first, 11) <= 361, count(first, 11)
    assert count(first, 11) + count(first, 12) == FLOWS
    assert ways(lab) == first


def replacing_a_next_hop_moves_its_flows_and_touches_no_route(lab):
    before = ways(lab)
    events = lab.spawn("router", str(lab.build / "apps/psnetctl"), "-S",
                       str(lab.socket), "monitor", "route", "nexthop",
                       stdout=subprocess.PIPE)
    # The monitor is there once it tells of a change.
    os.set_blocking(events.stdout.fileno(), False)
    said = ""
    while "id 99" not in said:
        nexthop(lab, "replace", "id", "99", "blackhole")
        time.sleep(0.05)
        said += (events.stdout.read() or b"").decode()
    single(lab, "replace", 1, 13)
    after = ways(lab)
    assert after == {f: 13 if s == 11 else s for f, s in before.items()}
    nexthop(lab, "del", "id", "99")
    while "Deleted id 99" not in said:
        time.sleep(0.05)
        said += (events.stdout.read() or b"").decode()
    lab.end(events)
    assert "Replaced id 1 via 10.2.0.13" in said, said
    assert "[route]" not in said, said


def who_leaves_a_group_takes_no_other_flow_along(lab):
    single(lab, "add", 3, 11)
    nexthop(lab, "replace", "id", "10", "group", "1/2/3")
    before = ways(lab)
    assert {11, 12, 13} == set(before.values())
    nexthop(lab, "del", "id", "2")
    after = ways(lab)
    assert set(after.values()) == {11, 13}
    moved = [f for f in before if before[f] != after[f]]
    assert all(before[f] == 12 for f in moved), len(moved)
    clear(lab)


def a_resilient_group_keeps_the_flows_that_are_in_use(lab):
    single(lab, "add", 1, 11)
    single(lab, "add", 2, 12)
    single(lab, "add", 3, 13)
    timers = ("type", "resilient", "buckets", "16", "idle_timer")
    nexthop(lab, "add", "id", "20", "group", "1/2", *timers, "3600")
    lab.ctl("route", "add", "10.9.0.0/16", "nhid", "20")
    before = ways(lab)
    assert set(before.values()) == {11, 12}
    # 400 flows use all of 16 buckets, so none may go to the new member.
    nexthop(lab, "replace", "id", "20", "group", "1/2/3", *timers, "3600")
    assert ways(lab) == before
    owners = [b["bucket"] for b in
              lab.ctl_json("nexthop", "bucket", "show", "id", "20")]
    assert len(owners) == 16 and 3 not in {b["nhid"] for b in owners}
    assert all(b["idle_time"] < 3600 for b in owners), owners
    # The buckets of who leaves must move, and only those.
    nexthop(lab, "replace", "id", "20", "group", "2/3", *timers, "3600")
    after = ways(lab)
    assert all(after[f] == 12 for f in before if before[f] == 12)
    assert 13 in after.values() and 11 not in after.values()
    # Without an idle time they may be moved while they are in use.
    nexthop(lab, "replace", "id", "20", "group", "2,1/3,7", *timers, "0")
    seen = ways(lab)
    assert count(seen, 13) > 300, count(seen, 13)
    clear(lab)


def flags(lab):
    return set(lab.ctl_json("link", "show", "wan")[0]["flags"])


def a_link_that_breaks_leaves_its_flows_to_the_others(lab):
    single(lab, "add", 1, 11)
    single(lab, "add", 4, 14)
    nexthop(lab, "add", "id", "10", "group", "1/4")
    lab.ctl("route", "add", "10.9.0.0/16", "nhid", "10")
    before = ways(lab)
    assert set(before.values()) == {11, 14}
    lab.break_link(True)
    eventually(lambda: not {"UP", "LOWER_UP"} <= flags(lab))
    assert set(ways(lab).values()) == {14}
    assert "nhid 10" in lab.ctl("route", "show", "10.9.0.0/16").stdout
    lab.break_link(False)
    eventually(lambda: {"UP", "LOWER_UP"} <= flags(lab))
    assert ways(lab) == before
    clear(lab)


def a_gateway_on_no_link_follows_the_routes(lab):
    nexthop(lab, "add", "id", "5", "via", "192.0.2.1")
    lab.ctl("route", "add", "10.9.0.0/16", "nhid", "5")
    lab.ctl("route", "add", "192.0.2.0/24", "via", "10.2.0.11")
    some = range(20)
    assert set(ways(lab, some).values()) == {11}
    lab.ctl("route", "replace", "192.0.2.0/24", "via", "10.2.0.12")
    assert set(ways(lab, some).values()) == {12}
    lab.ctl("route", "add", "192.0.2.1", "via", "10.1.0.14")
    assert set(ways(lab, some).values()) == {14}
    lab.ctl("route", "del", "192.0.2.1")
    assert set(ways(lab, some).values()) == {12}
    clear(lab)


TESTS = [
    flows_are_spread_by_weight_and_stay,
    replacing_a_next_hop_moves_its_flows_and_touches_no_route,
    who_leaves_a_group_takes_no_other_flow_along,
    a_resilient_group_keeps_the_flows_that_are_in_use,
    a_link_that_breaks_leaves_its_flows_to_the_others,
    a_gateway_on_no_link_follows_the_routes,
]


# -- running ----------------------------------------------------------------

def why_not():
    if os.geteuid() != 0:
        return "needs root"
    if DRIVER == "tap" and not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    probe = "psnet-probe-%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True,
                      check=False).returncode != 0:
        return "network namespaces are not available"
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return None


def main():
    if reason := why_not():
        print("1..0 # SKIP " + reason)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lab = netlab.Lab(BUILD, DRIVER, workers=2)
    print("1..%d" % len(TESTS))
    bad = 0
    try:
        for addr, dev in STATIONS.items():
            lab.ctl("neigh", "add", addr, "lladdr",
                    "02:00:00:00:00:%02x" % int(addr.split(".")[3]),
                    "dev", dev)
        for n, test in enumerate(TESTS, 1):
            try:
                test(lab)
                verdict = "ok"
            except (AssertionError, netlab.LabError,
                    subprocess.SubprocessError) as e:
                traceback.print_exc()
                print("# " + str(e).replace("\n", "\n# "))
                verdict = "not ok"
                bad += 1
            print("%s %d - %s" % (verdict, n, test.__name__), flush=True)
        if bad:
            print("# psnetd: " + lab.log.read_text().replace("\n", "\n# "))
    finally:
        lab.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
