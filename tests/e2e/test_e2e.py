#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""End to end: psnetd between two Linux hosts in network namespaces.

usage: test_e2e.py DRIVER BUILD-FOLDER SOURCE-FOLDER

Prints TAP.  Needs root, namespaces and, for the driver tap, /dev/net/tun;
skips with the reason otherwise.
"""
import concurrent.futures
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import traceback

DRIVER, BUILD, SOURCE = sys.argv[1:4]
sys.path.insert(0, str(pathlib.Path(SOURCE) / "scripts"))
import netlab  # noqa: E402
from netlab import CLIENT, LAN, SERVER, WAN, eventually  # noqa: E402

SIZES = (0, 1, 56, 511, 1472, 1473, 1480, 2953, 8000, 30000, 65507)


def drops(lab):
    total = {}
    for d in lab.ctl_json("drops"):
        total[d["reason"]] = total.get(d["reason"], 0) + d["count"]
    return total


# -- the tests: each takes the laboratory; the name is the claim ------------

def ping_of_every_size_is_answered(lab):
    for size in SIZES:
        assert lab.ping(size=size, count=2) == 0, "size %d" % size


def ping_of_every_size_to_the_router_is_answered(lab):
    for size in SIZES:
        assert lab.ping(LAN, size=size, count=2) == 0, "size %d" % size


def ping_with_df_up_to_the_mtu_is_answered(lab):
    for size in (0, 56, 1471, 1472):
        assert lab.ping(size=size, count=2, df=True) == 0, "size %d" % size


def traceroute_shows_router_and_server(lab):
    hops = lab.traceroute()
    assert hops == [LAN, SERVER], hops


def path_mtu_is_discovered(lab):
    lab.ctl("link", "set", "wan", "mtu", "1300")
    netlab.run("ip", "-n", lab.ns["server"], "link", "set", "eth0", "mtu", "1300")
    r = lab.on("client", "ping", "-n", "-c", "3", "-i", "0.1", "-M", "do",
               "-s", "1400", SERVER, check=False)
    assert "1300" in r.stdout + r.stderr, r.stdout + r.stderr
    cached = lab.on("client", "ip", "route", "get", SERVER).stdout
    assert "mtu 1300" in cached, cached
    assert lab.ping(size=1272, df=True, count=2) == 0
    assert lab.ping(size=3000, count=2) == 0, "fragments"
    assert lab.iperf(seconds=1)["end"]["sum_received"]["bytes"] > 100000
    lab.ctl("link", "set", "wan", "mtu", "1500")
    netlab.run("ip", "-n", lab.ns["server"], "link", "set", "eth0", "mtu", "1500")
    lab.on("client", "ip", "route", "flush", "cache")


def tcp_flows_both_ways(lab):
    for args in ([], ["-R"], ["-P", "4"]):
        end = lab.iperf(*args, seconds=1)["end"]
        assert end["sum_received"]["bytes"] > 1000000, (args, end)


def udp_flows_both_ways_without_loss(lab):
    for args in (["-l", "64"], ["-l", "1472", "-R"], ["-l", "4000"]):
        end = lab.iperf_udp("-b", "5M", *args, seconds=1)
        assert end["packets"] > 50 and end["lost_percent"] < 1, (args, end)


def closed_udp_port_of_the_router_is_unreachable(lab):
    s = "import socket;s=socket.socket(2,2);s.settimeout(20);" \
        "s.connect(('%s',9));s.send(b'x');s.recv(1)" % LAN
    r = lab.on("client", "python3", "-c", s, check=False)
    assert "ConnectionRefusedError" in r.stderr, r.stderr


def arp_storm_disturbs_nobody(lab):
    storm = [lab.spawn("client", "arping", "-q", "-c", "400", "-w", "4",
                       "-i", "0.01", "-I", "eth0", LAN,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
             lab.spawn("client", "arping", "-q", "-U", "-c", "400", "-w", "4",
                       "-i", "0.01", "-I", "eth0", CLIENT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
    send_frames(lab, [arp_frame(i) for i in range(2000)])
    lost = lab.ping(count=20, interval=0.1)
    for p in storm:
        lab.end(p)
    assert lost == 0, "%d of 20 lost" % lost


def scan_of_the_subnet_disturbs_nobody(lab):
    """RFC 6583: packets to 250 hosts that are not there."""
    script = "import socket\ns=socket.socket(2,2)\n" \
        "for n in range(4):\n for i in range(3,253):\n" \
        "  s.sendto(b'x',('10.2.0.%d'%i,9))\n"
    lab.on("client", "python3", "-c", script)
    assert lab.ping(count=10, interval=0.1) == 0


def conflict_about_the_routers_address_is_shown(lab):
    """RFC 5227: a defence, then, too soon for another, the verdict."""
    def flag(name):
        info = [a for link in lab.ctl_json("addr", "show", "dev", "lan")
                for a in link["addr_info"] if a["local"] == LAN]
        return info[0].get(name, False)

    claim = b"\xff" * 6 + HOST_MAC + struct.pack(
        "!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) + HOST_MAC + \
        socket.inet_aton(LAN) + b"\0" * 6 + socket.inet_aton(LAN)
    assert not flag("defended") and not flag("dadfailed")
    send_frames(lab, [claim])
    eventually(lambda: flag("defended"))
    send_frames(lab, [claim])
    eventually(lambda: flag("dadfailed"))
    assert "dadfailed" in lab.ctl("addr", "show", "dev", "lan").stdout
    assert lab.ping(count=3) == 0


def malformed_frames_are_counted_by_name(lab):
    before = drops(lab)
    frames = malformed_frames()
    send_frames(lab, [f for f, _ in frames])
    rng = random.Random(7)
    send_frames(lab, [rng.randbytes(rng.randrange(14, 200)) for _ in range(500)])
    assert lab.ping(count=5) == 0
    after = drops(lab)
    for _, reason in frames:
        assert after.get(reason, 0) > before.get(reason, 0), (reason, after)


def address_added_by_sighup_answers_and_no_ping_is_lost(lab):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        lost = pool.submit(lab.ping, count=20, interval=0.1)
        lab.reconfigure("address 10.1.7.1/32 dev lan")
        eventually(lambda: lab.ping("10.1.7.1", count=1, wait=1) == 0)
        lab.reconfigure()
        eventually(lambda: lab.ping("10.1.7.1", count=1, wait=1) == 1)
        assert lost.result() == 0, "%d of 20 lost" % lost.result()


def broken_configuration_changes_nothing(lab):
    before = lab.ctl("addr", "show").stdout
    lab.reconfigure("address 10.1.8.1/24 dev lan", "address 10.1.9.1/99 dev lan")
    eventually(lambda: "10.1.9.1/99" in lab.log.read_text())
    assert lab.ctl("addr", "show").stdout == before
    lab.reconfigure()


def link_breaks_and_returns(lab):
    lab.break_link(True)
    assert lab.ping(count=2, wait=1) == 2
    lab.break_link(False)
    eventually(lambda: lab.ping(count=1, wait=1) == 0)


def device_deleted_under_it_is_detached(lab):
    if DRIVER == "tap":
        netlab.run("ip", "-n", lab.ns["server"], "link", "del", "eth0")
    else:
        netlab.run("ip", "-n", lab.ns["router"], "link", "del", "wan")
    eventually(lambda: [i["ifname"] for i in lab.ctl_json("link", "show")] ==
               ["lan"])
    assert lab.ping(LAN, count=2) == 0
    assert "wan: its device is gone" in lab.log.read_text()


def sigterm_ends_it_cleanly(lab):
    assert lab.stop_psnetd() == 0, lab.log.read_text()
    assert not lab.socket.exists()


# In this order: the last two take the router apart.
TESTS = [
    ping_of_every_size_is_answered,
    ping_of_every_size_to_the_router_is_answered,
    ping_with_df_up_to_the_mtu_is_answered,
    traceroute_shows_router_and_server,
    path_mtu_is_discovered,
    tcp_flows_both_ways,
    udp_flows_both_ways_without_loss,
    closed_udp_port_of_the_router_is_unreachable,
    arp_storm_disturbs_nobody,
    scan_of_the_subnet_disturbs_nobody,
    conflict_about_the_routers_address_is_shown,
    malformed_frames_are_counted_by_name,
    address_added_by_sighup_answers_and_no_ping_is_lost,
    broken_configuration_changes_nothing,
    link_breaks_and_returns,
    device_deleted_under_it_is_detached,
    sigterm_ends_it_cleanly,
]


# -- frames -------------------------------------------------------------------

def mac_of(lab, name):
    """Hardware address of an interface of the router."""
    for link in lab.ctl_json("link", "show"):
        if link["ifname"] == name:
            return bytes.fromhex(link["address"].replace(":", ""))
    raise AssertionError("no interface " + name)


ROUTER_MAC = b"\0" * 6  # set by main()
HOST_MAC = bytes([2, 0, 0, 0, 7, 7])


def send_frames(lab, frames):
    """Send raw frames from the client's side, a few at a time."""
    script = "import socket,sys,time\n" \
        "s=socket.socket(17,3)\ns.bind(('eth0',0))\n" \
        "for i,l in enumerate(sys.stdin):\n" \
        " s.send(bytes.fromhex(l))\n" \
        " if i%64==63: time.sleep(0.005)\n"
    subprocess.run(
        ["ip", "netns", "exec", lab.ns["client"], "python3", "-c", script],
        input="\n".join(f.hex() for f in frames) + "\n", text=True, check=True,
        timeout=60)


def ether(payload, kind):
    return ROUTER_MAC + HOST_MAC + struct.pack("!H", kind) + payload


def arp_frame(i):
    """A request by a host that is different each time, and none of ours."""
    sender = socket.inet_aton("10.1.%d.%d" % (i // 200, 10 + i % 200))
    return b"\xff" * 6 + HOST_MAC + struct.pack(
        "!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) + HOST_MAC + sender + \
        b"\0" * 6 + socket.inet_aton(LAN)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(payload=b"x" * 20, src=CLIENT, dst=SERVER, first=0x45, total=None,
         ttl=64, proto=17, opts=b"", fix=True):
    total = 20 + len(opts) + len(payload) if total is None else total
    h = struct.pack("!BBHHHBBH", first, 0, total, 1, 0, ttl, proto, 0) + \
        socket.inet_aton(src) + socket.inet_aton(dst) + opts
    if fix:
        h = h[:10] + struct.pack("!H", checksum(h)) + h[12:]
    return ether(h + payload, 0x800)


def malformed_frames():
    """Frames and the name of the drop that each must end in."""
    return [
        (ether(b"\x45" + b"\0" * 5, 0x800), "ipv4-short"),
        (ipv4(first=0x65), "ipv4-version"),
        (ipv4(first=0x43), "ipv4-header-length"),
        (ipv4(fix=False), "ipv4-checksum"),
        (ipv4(total=900), "ipv4-length"),
        (ipv4(src="127.0.0.1"), "ipv4-martian-source"),
        (ipv4(src="224.1.2.3"), "ipv4-martian-source"),
        (ipv4(dst="127.0.0.1"), "ipv4-martian-destination"),
        (ipv4(first=0x46, opts=bytes([7, 0, 4, 0])), "ipv4-options"),
        (ipv4(first=0x47, opts=bytes([131, 7, 4, 10, 2, 0, 2, 0])),
         "ipv4-source-route"),
        (ipv4(ttl=1), "ipv4-ttl"),
        (ipv4(dst="10.2.0.255"), "ipv4-directed-broadcast"),
        (ipv4(dst="198.51.100.1"), "ipv4-no-route"),
        (ipv4(dst=LAN, proto=99), "ipv4-protocol"),
        (ipv4(b"\x08\0\0\1" + b"\0" * 8, dst=LAN, proto=1), "icmp-checksum"),
        (ether(b"\0\1\x08\0", 0x806), "arp-short"),
        (ether(b"\0\7\x08\0\6\4\0\1" + b"\0" * 20, 0x806), "arp-format"),
        (ether(b"\0" * 46, 0x9999), "no-proto"),
    ]


# -- running --------------------------------------------------------------------

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
    global ROUTER_MAC
    if reason := why_not():
        print("1..0 # SKIP " + reason)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lab = netlab.Lab(BUILD, DRIVER, workers=2)
    print("1..%d" % len(TESTS))
    bad = 0
    try:
        ROUTER_MAC = mac_of(lab, "lan")
        for n, test in enumerate(TESTS, 1):
            try:
                test(lab)
                verdict = "ok"
            except (AssertionError, netlab.LabError,
                    subprocess.SubprocessError) as e:
                traceback.print_exc()
                print("# " + str(e).replace("\n", "\n# "))
                print("# drops: " + lab.ctl("drops", check=False).stdout
                      .replace("\n", "\n# "))
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
