# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of psnetd and psnetctl share: a running daemon, a connection,
and a loop over tests.  A test is a function that takes the daemon; its name is
the claim."""
import array
import json
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = pathlib.Path(sys.argv[1])
BASE = """\
workers 2
interface lo0 loop up
interface east wire peer=west up
address 10.9.0.1/24 dev lo0
address 10.8.0.1/24 dev east
neighbour 10.8.0.9 lladdr 02:00:00:00:00:09 dev east
route 10.2.0.0/16 via 10.9.0.2
route blackhole 10.3.0.0/16
set forwarding on
"""
OPTIONS = {o["name"]: o["value"] for o in json.loads(
    (BUILD / "meson-info/intro-buildoptions.json").read_text())}


class Client:
    """One connection, speaking the protocol by hand."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.sock.settimeout(60)
        self.buf = b""
        self.id = 0

    def send(self, cmd, fd=None, **args):
        self.id += 1
        msg = json.dumps({"v": 1, "id": self.id, "cmd": cmd, "args": args})
        self.raw(msg.encode() + b"\n", fd)
        return self.id

    def raw(self, data, fd=None):
        anc = []
        if fd is not None:
            anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        n = self.sock.sendmsg([data], anc)
        self.sock.sendall(data[n:])

    def line(self):
        """The next message, or None at the end."""
        while b"\n" not in self.buf:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        return json.loads(line)

    def ask(self, cmd, **args):
        """A whole answer; long ones are put together."""
        me = self.send(cmd, **args)
        result = []
        while True:
            r = self.line()
            assert r["v"] == 1 and r["id"] == me, r
            if not r.get("more"):
                break
            result += r["result"]
        if r["ok"] and result:
            r["result"] = result + r["result"]
        return r

    def code(self, cmd, **args):
        r = self.ask(cmd, **args)
        return None if r["ok"] else r["error"]["code"]

    def close(self):
        self.sock.close()


class Daemon:
    def __init__(self, folder, text=BASE):
        self.dir = pathlib.Path(folder)
        self.config = self.dir / "conf"
        self.path = self.dir / "sock"
        self.log = self.dir / "log"
        self.config.write_text(text)
        with self.log.open("w") as log:
            self.proc = subprocess.Popen(
                [BUILD / "apps/psnetd", "-f", self.config, "-s", self.path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_log("READY")

    def wait_log(self, what, start=0):
        for _ in range(600):
            if what in self.log.read_text()[start:]:
                return
            if self.proc.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError("no %s: %s" % (what, self.log.read_text()))

    def client(self):
        return Client(self.path)

    def reload(self, text, expect="RELOADED"):
        at = len(self.log.read_text())
        self.config.write_text(text)
        self.proc.send_signal(signal.SIGHUP)
        self.wait_log(expect, at)
        return self.log.read_text()[at:]

    def ctl(self, *args, status=0, **kw):
        r = subprocess.run([BUILD / "apps/psnetctl", "-S", self.path, *args],
                           capture_output=True, text=True, timeout=120,
                           check=False, **kw)
        assert r.returncode == status, (args, r.returncode, r.stdout, r.stderr)
        return r.stdout if status == 0 else r.stderr

    def ctl_json(self, *args):
        return json.loads(self.ctl("-j", *args))

    def state(self):
        """Everything a person configured, to compare."""
        c = self.client()
        try:
            return [c.ask(cmd, **args)["result"] for cmd, args in (
                ("link.show", {}), ("addr.show", {}),
                ("route.show", {"table": "all"}), ("neigh.show", {}),
                ("option.show", {}))]
        finally:
            c.close()

    def routes(self):
        c = self.client()
        n = c.ask("stats.show")["result"]["routes"]
        c.close()
        return n

    def stop(self):
        if self.proc.poll() is None:
            self.proc.terminate()
        return self.proc.wait(60)


def make_list(d, n, tail=""):
    path = d.dir / ("list%d" % n)
    path.write_text("".join(
        "%d.%d.%d.0/24\n" % (20 + (i >> 16), i >> 8 & 255, i & 255)
        for i in range(n)) + tail)
    return path


def large(n):
    """So many routes, to be at work on them for a while; with sanitizers fewer
    take as long."""
    return n // {"none": 1, "thread": 5}.get(OPTIONS["b_sanitize"], 2)


def load(d, path, **args):
    """By hand: every message of the answer."""
    c = d.client()
    with path.open("rb") as f:
        c.send("route.load", fd=f.fileno(), gateway="10.9.0.2", **args)
    msgs = []
    while not msgs or "ok" not in msgs[-1]:
        msgs.append(c.line())
    c.close()
    return msgs


def select_now(f):
    """Can f be read without waiting?"""
    return select.select([f], [], [], 0)[0]


def run(tests):
    print("1..%d" % len(tests))
    bad = 0
    with tempfile.TemporaryDirectory(prefix="psnet-") as folder:
        d = Daemon(folder)
        try:
            for n, test in enumerate(tests, 1):
                try:
                    test(d)
                    verdict = "ok"
                except Exception:
                    print("# " + traceback.format_exc().replace("\n", "\n# "))
                    verdict = "not ok"
                    bad += 1
                print("%s %d - %s" % (verdict, n, test.__name__), flush=True)
        finally:
            if d.proc.poll() is None:
                d.proc.kill()
                d.proc.wait()
            if bad:
                print("# psnetd: " + d.log.read_text().replace("\n", "\n# "))
    return 1 if bad else 0

