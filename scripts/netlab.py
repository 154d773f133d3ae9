# SPDX-License-Identifier: BSD-2-Clause
"""Three hosts on one machine: client, router, server, in network namespaces.

The router runs psnetd, the ends are Linux.  Used by scripts/demo and by the
end-to-end tests; needs root.  Everything is removed by close(), which also
runs when the process ends or is interrupted.

    10.1.0.2 client -- 10.1.0.1 lan [router] wan 10.2.0.1 -- server 10.2.0.2
"""
import atexit
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

CLIENT, SERVER = "10.1.0.2", "10.2.0.2"
LAN, WAN = "10.1.0.1", "10.2.0.1"


class LabError(Exception):
    """The topology could not be built, or psnetd did not do as told."""


def run(*args, check=True, timeout=120, **kw):
    """Run a command; text output is captured."""
    r = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=timeout, **kw)
    if check and r.returncode != 0:
        raise LabError("%s: exit %d: %s" % (
            " ".join(args), r.returncode, (r.stderr or r.stdout).strip()))
    return r


def eventually(what, seconds=30, name="this"):
    """Poll until what() is true; name is for the error."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() >= end:
            raise LabError("%s: not within %d s" % (name, seconds))
        time.sleep(0.05)


class Lab:
    """client, router and server, with psnetd over "af_packet" or "tap"."""

    def __init__(self, build, driver, workers=1, mtu=1500):
        self.build = pathlib.Path(build)
        self.driver = driver
        self.workers = workers
        self.mtu = mtu
        tag = "%s%d" % (driver[:2], os.getpid())
        self.ns = {h: "psnet-%s-%s" % (h, tag)
                   for h in ("client", "router", "server")}
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="psnet-"))
        self.socket = self.dir / "psnetd.sock"
        self.config = self.dir / "psnetd.conf"
        self.log = self.dir / "psnetd.log"
        self.children = []
        self.psnetd = None
        atexit.register(self.close)
        try:
            self._build_hosts()
        except BaseException:
            self.close()
            raise

    # -- running things ---------------------------------------------------
    def on(self, host, *args, **kw):
        """Run a command on a host."""
        return run("ip", "netns", "exec", self.ns[host], *args, **kw)

    def spawn(self, host, *args, **kw):
        """Start a command on a host; close() ends it."""
        p = subprocess.Popen(
            ("ip", "netns", "exec", self.ns[host]) + args,
            stdin=subprocess.DEVNULL, **kw)
        self.children.append(p)
        return p

    def end(self, p):
        """End what spawn() has started."""
        p.terminate()
        p.wait(10)
        if p.stdout:
            p.stdout.close()
        self.children.remove(p)

    def ctl(self, *args, **kw):
        """Run psnetctl."""
        return run(str(self.build / "apps/psnetctl"), "-S", str(self.socket),
                   *args, **kw)

    def ctl_json(self, *args):
        return json.loads(self.ctl("-j", *args).stdout)

    # -- the topology -----------------------------------------------------
    def _build_hosts(self):
        for ns in self.ns.values():
            run("ip", "netns", "add", ns)
            # No solicitations of IPv6 among the packets that are counted.
            run("ip", "netns", "exec", ns, "sysctl", "-qw",
                "net.ipv6.conf.default.disable_ipv6=1", check=False)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        if self.driver == "af_packet":
            for host, port in (("client", "lan"), ("server", "wan")):
                run("ip", "-n", self.ns["router"], "link", "add", port,
                    "mtu", str(self.mtu), "type", "veth", "peer", "eth0",
                    "mtu", str(self.mtu), "netns", self.ns[host])
                run("ip", "-n", self.ns["router"], "link", "set", port, "up")
        self._write_config()
        self._start_psnetd()
        if self.driver == "tap":
            for host, port in (("client", "lan"), ("server", "wan")):
                run("ip", "-n", self.ns["router"], "link", "set", "t" + port,
                    "netns", self.ns[host], "name", "eth0")
                run("ip", "-n", self.ns[host], "link", "set", "eth0",
                    "mtu", str(self.mtu))
        for host, addr, gw in (("client", CLIENT, LAN), ("server", SERVER, WAN)):
            ns = self.ns[host]
            run("ip", "-n", ns, "addr", "add", addr + "/24", "dev", "eth0")
            run("ip", "-n", ns, "link", "set", "eth0", "up")
            run("ip", "-n", ns, "route", "add", "default", "via", gw)
            # The peers answer as fast as they are asked.
            self.on(host, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0",
                    check=False)
        # Links come up, and neighbours are asked for: the first may be lost.
        eventually(lambda: self.ping(count=1, wait=1) == 0, 60,
                   "a packet through the router")

    def _write_config(self, extra=()):
        dev = "t" if self.driver == "tap" else ""
        self.config.write_text("\n".join([
            "workers %d" % self.workers,
            "interface lan %s dev=%slan mtu %d up" % (self.driver, dev, self.mtu),
            "interface wan %s dev=%swan mtu %d up" % (self.driver, dev, self.mtu),
            "address %s/24 dev lan" % LAN,
            "address %s/24 dev wan" % WAN,
            "set forwarding on",
            *extra]) + "\n")

    def reconfigure(self, *extra):
        """Write the configuration with more lines, and have it re-read."""
        self._write_config(extra)
        self.psnetd.send_signal(signal.SIGHUP)

    def _start_psnetd(self):
        with self.log.open("w") as log:
            self.psnetd = self.spawn(
                "router", str(self.build / "apps/psnetd"),
                "-f", str(self.config), "-s", str(self.socket),
                stdout=log, stderr=log)
        for _ in range(200):
            if self.psnetd.poll() is not None:
                raise LabError("psnetd ended: " + self.log.read_text())
            if "READY" in self.log.read_text():
                return
            time.sleep(0.05)
        raise LabError("psnetd is not ready: " + self.log.read_text())

    def stop_psnetd(self):
        """SIGTERM; returns the exit status."""
        if self.psnetd.poll() is None:
            self.psnetd.terminate()
        return self.psnetd.wait(30)

    def break_link(self, broken):
        """Take the wire between router and server away, or put it back."""
        if self.driver == "tap":
            self.ctl("link", "set", "wan", "down" if broken else "up")
        else:
            run("ip", "-n", self.ns["router"], "link", "set", "wan",
                "down" if broken else "up")

    def close(self):
        """Remove everything; may be called twice."""
        atexit.unregister(self.close)
        for p in reversed(self.children):
            if p.poll() is None:
                p.terminate()
        for p in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(10)
            if p.poll() is None:
                p.kill()
                p.wait()
        self.children = []
        for ns in self.ns.values():
            subprocess.run(["ip", "netns", "del", ns],
                           stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- what the ends can do ----------------------------------------------
    def ping(self, target=SERVER, count=5, size=56, df=False, host="client",
             wait=20, interval=0.05):
        """Of the first count packets, those that wait seconds bring no answer to.

        With -c, ping gives the last one up after an interval, and a busy machine
        may stop any of us for longer.
        """
        args = ["ping", "-n", "-i", str(interval), "-w", str(wait), "-s", str(size)]
        if df:
            args += ["-M", "do"]
        p = self.spawn(host, *args, target, stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, text=True)
        missing = set(range(1, count + 1))
        for line in p.stdout:
            if answer := re.search(r" bytes from .* icmp_seq=(\d+)", line):
                missing.discard(int(answer[1]))
            if not missing:
                break
        self.end(p)
        return len(missing)

    def traceroute(self, target=SERVER):
        """Addresses of the hops."""
        r = self.on("client", "traceroute", "-n", "-q", "1", "-w", "10", target)
        return [line.split()[1] for line in r.stdout.splitlines()[1:]]

    def iperf(self, *args, seconds=3, host="client", target=SERVER):
        """Run iperf3 against a fresh server; returns its JSON result."""
        peer = "server" if host == "client" else "client"
        server = self.spawn(peer, "iperf3", "-s", "-1",
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: ":5201" in self.on(peer, "ss", "-ltn").stdout,
                   name="a server of iperf3")
        r = self.on(host, "iperf3", "-c", target, "-J", "-t", str(seconds),
                    *args, check=False)
        self.end(server)
        result = json.loads(r.stdout or "{}")
        if "error" in result:
            raise LabError("iperf3: " + result["error"])
        return result

    def iperf_udp(self, *args, seconds=3):
        """The best of up to three: its packets, bits_per_second, lost_percent.

        A ring, or a socket of the ends, holds what comes in some 10 to 100 ms;
        if the machine does not run its reader for longer, packets are lost.
        """
        best = None
        for _ in range(3):
            end = self.iperf("-u", *args, seconds=seconds)["end"]["sum"]
            if best is None or end["lost_percent"] < best["lost_percent"]:
                best = end
            if best["lost_percent"] == 0:
                break
        return best
