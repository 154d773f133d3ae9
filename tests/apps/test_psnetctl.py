#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""psnetctl and owners of the socket that are silent, slow or gone.

usage: test_psnetctl.py BUILD-FOLDER

A test is a function that takes a running daemon; its name is the claim.
"""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import daemon
from daemon import BUILD, make_list

SHORT = "0.2"   # seconds, where silence is sure
PATIENT = "2"   # where it is not, and the owner speaks far more often


def start(path, *args, **kw):
    return subprocess.Popen(
        [BUILD / "apps/psnetctl", "-S", path, *args], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def ctl(path, *args, status=0):
    """What psnetctl prints, and its complaints."""
    proc = start(path, *args, stdin=subprocess.DEVNULL)
    try:
        out, err = proc.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        proc.kill()
        raise
    assert proc.returncode == status, (args, proc.returncode, out, err)
    return out, err


@contextlib.contextmanager
def owner(talk):
    """A socket whose owner does talk(connection) with everybody."""
    with tempfile.TemporaryDirectory(prefix="psnet-") as folder, \
            socket.socket(socket.AF_UNIX) as listener:
        path = pathlib.Path(folder) / "sock"
        listener.bind(str(path))
        listener.listen()
        conns = []

        def serve():
            while True:
                try:
                    conn, _ = listener.accept()
                except OSError:
                    return
                conns.append(conn)
                try:
                    talk(conn)
                except BrokenPipeError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for conn in conns:
                conn.close()


def say(conn, **fields):
    conn.sendall(json.dumps({"v": 1, "id": 0, **fields}).encode() + b"\n")


def request(conn):
    """Wait for a line."""
    data = b""
    while not data.endswith(b"\n"):
        more = conn.recv(65536)
        assert more, "no request came"
        data += more


def nothing(conn):
    """Connected, and that is all."""


LOADED = {"routes": 1, "parse_ms": 1, "commit_ms": 1}


def who_says_nothing_is_given_up(d):
    with owner(nothing) as path:
        for cmd in (["link"], ["route", "add", "10.77.0.0/16", "dev", "lo0"],
                    ["stats"], ["stats", "-w", "1"], ["route", "verify"],
                    ["route", "load", make_list(d, 10)], ["monitor"]):
            out, err = ctl(path, "-t", SHORT, *cmd, status=4)
            assert "%s is silent for %s s: it may still do" % (
                path, SHORT) in err and not out, (cmd, out, err)
            assert err.count("\n") == 1, (cmd, err)


def who_takes_no_connection_is_given_up(d):
    path = d.dir / "full"
    with socket.socket(socket.AF_UNIX) as listener, \
            contextlib.ExitStack() as stack:
        listener.bind(str(path))
        listener.listen(0)
        while True:   # until its queue is full
            s = stack.enter_context(socket.socket(socket.AF_UNIX))
            s.setblocking(False)
            try:
                s.connect(str(path))
            except BlockingIOError:
                break
        out, err = ctl(path, "--timeout", SHORT, "link", status=4)
        assert "%s is silent for %s s: it takes no connection" % (
            path, SHORT) in err and not out, (out, err)


def who_does_not_read_is_given_up(d):
    batch = d.dir / "large"
    batch.write_text("".join(
        "route add 10.%d.0.0/16 %s\n" % (i, " ".join(
            "nexthop via 10.9.0.%d" % k for k in range(60)))
        for i in range(256)))
    assert batch.stat().st_size > 300000, "more than a socket holds"
    with owner(nothing) as path:
        _, err = ctl(path, "-t", SHORT, "-force", "-b", batch, status=4)
        assert err.count("silent") == 1 and "Command" not in err, err


def a_forced_batch_ends_with_its_connection(d):
    """The next commands would take late answers for theirs."""
    batch = d.dir / "three"
    batch.write_text("link show\naddr show\nlink show\n")
    with owner(nothing) as path:
        _, err = ctl(path, "-t", SHORT, "-force", "-b", batch, status=4)
        assert err.count("silent") == 1, err
        assert err.count("Command failed %s:1\n" % batch) == 1, err
        assert err.count("\n") == 2, err


def who_reports_progress_is_not_silent(d):
    def talk(conn):
        request(conn)
        for done in range(3):
            time.sleep(0.8)
            say(conn, progress={"phase": "parse", "done": done, "total": 3})
        say(conn, ok=True, result=LOADED)

    with owner(talk) as path:
        out, _ = ctl(path, "-t", PATIENT, "route", "load", make_list(d, 10))
        assert out.startswith("loaded 1 routes"), out


def monitor_waits_for_events_for_ever(d):
    event = {"kind": "link", "action": "add", "seq": 1, "ifname": "late"}

    def talk(conn):
        request(conn)
        say(conn, ok=True, result=None)
        time.sleep(float(PATIENT) + 0.2)
        say(conn, event=event)
        conn.shutdown(socket.SHUT_RDWR)

    with owner(talk) as path:
        out, err = ctl(path, "-t", PATIENT, "-j", "monitor", status=2)
        assert json.loads(out) == event and "failed" in err, (out, err)


def without_a_time_the_slow_are_waited_for(d):
    def talk(conn):
        request(conn)
        time.sleep(0.3)
        say(conn, ok=True, result=[])

    with owner(talk) as path:
        assert json.loads(ctl(path, "-t", "0", "-j", "link")[0]) == []
        assert json.loads(ctl(path, "-j", "link")[0]) == []


def state(pid):
    """As ps(1) has it."""
    text = pathlib.Path("/proc/%d/stat" % pid).read_text()
    return text.rsplit(") ", 1)[1][0]


def wait_state(pid, wanted):
    for _ in range(1000):
        if state(pid) in wanted:
            return
        time.sleep(0.01)
    raise AssertionError("%d is %s, not %s" % (pid, state(pid), wanted))


def to_be_stopped_and_continued_is_no_error(d):
    asked, answer = threading.Event(), threading.Event()

    def talk(conn):
        request(conn)
        asked.set()
        answer.wait()
        say(conn, ok=True, result=[])

    with owner(talk) as path:
        proc = start(path, "-j", "link")
        try:
            assert asked.wait(60)
            wait_state(proc.pid, "S")
            os.kill(proc.pid, signal.SIGSTOP)
            wait_state(proc.pid, "T")
            os.kill(proc.pid, signal.SIGCONT)
            wait_state(proc.pid, "SZ")
        finally:
            answer.set()
            out, err = proc.communicate(timeout=30)
        assert proc.returncode == 0 and json.loads(out) == [], (out, err)


def a_daemon_that_was_stopped_does_it_later(d):
    d.proc.send_signal(signal.SIGSTOP)
    try:
        wait_state(d.proc.pid, "T")
        _, err = ctl(d.path, "-t", SHORT, "route", "add", "10.66.0.0/16",
                     "via", "10.9.0.2", status=4)
        assert "silent" in err and "may still" in err, err
    finally:
        d.proc.send_signal(signal.SIGCONT)
    for _ in range(600):
        if "10.66.0.0/16" in d.ctl("route"):
            break
        time.sleep(0.05)
    d.ctl("route", "del", "10.66.0.0/16")


def times_are_seconds(d):
    for word in ("x", "-1", "", "1s", "0.0001", "1e3", "99999999"):
        _, err = ctl(d.path, "-t", word, "link", status=1)
        assert "not seconds" in err and word in err, (word, err)
    assert "-t[imeout]" in d.ctl("--help")
    d.ctl("-t", "30", "link")


TESTS = [
    who_says_nothing_is_given_up, who_takes_no_connection_is_given_up,
    who_does_not_read_is_given_up, a_forced_batch_ends_with_its_connection,
    who_reports_progress_is_not_silent, monitor_waits_for_events_for_ever,
    without_a_time_the_slow_are_waited_for,
    to_be_stopped_and_continued_is_no_error,
    a_daemon_that_was_stopped_does_it_later, times_are_seconds,
]

if __name__ == "__main__":
    sys.exit(daemon.run(TESTS))
