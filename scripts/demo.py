#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The demonstration as root: see scripts/demo.

usage: demo.py BUILD-FOLDER SCRATCH-FOLDER
"""
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import netlab  # noqa: E402

FILE_MB = int(os.environ.get("PSNET_DEMO_MB", "200"))
ROUTES = 900000
CHURN = 50000  # routes a second
PORT = "8000"

failed = 0


def check(ok, text):
    global failed
    print("  %-4s  %s" % ("ok" if ok else "FAIL", text), flush=True)
    failed += not ok


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


def make_file(path):
    with open(path, "wb") as f:
        for _ in range(FILE_MB):
            f.write(os.urandom(1000000))


def make_tables(folder):
    """The table, and the updates that churn it."""
    gen = pathlib.Path(__file__).parent / "gen-table"
    table, updates = folder / "table.txt", folder / "updates.txt"
    if os.environ.get("PSNET_TABLE"):
        table = pathlib.Path(os.environ["PSNET_TABLE"])
    else:
        with table.open("w") as f:
            subprocess.run([gen, "-n", str(ROUTES)], stdout=f, check=True)
    with updates.open("w") as f:
        subprocess.run([gen, "-f", table, "-g", netlab.SERVER,
                        "-u", str(20 * CHURN)], stdout=f, check=True)
    return table, updates


def fetch(lab, source, folder, what):
    """The file over TCP; its checksum must be that of the original."""
    copy = folder / "copy"
    start = time.monotonic()
    r = lab.on("client", "curl", "-sS", "--max-time", "120", "-o", str(copy),
               "http://%s:%s/%s" % (netlab.SERVER, PORT, source.name),
               check=False)
    took = time.monotonic() - start
    equal = r.returncode == 0 and digest(copy) == digest(source)
    copy.unlink(missing_ok=True)
    check(equal, "%s: %d MB over TCP in %.1f s, %.0f Mb/s, SHA-256 %s" % (
        what, FILE_MB, took, FILE_MB * 8 / took,
        "equal" if equal else "DIFFERS " + r.stderr.strip()))


def check_basics(lab):
    lost = lab.ping(count=10)
    check(lost == 0, "ping: %d of 10 answered" % (10 - lost))
    lost = lab.ping(count=3, size=65507)
    check(lost == 0, "ping of 65507 bytes: %d of 3 answered" % (3 - lost))
    hops = lab.traceroute()
    check(hops == [netlab.LAN, netlab.SERVER], "traceroute: " + " ".join(hops))


def check_iperf(lab):
    for name, args in (("TCP", []), ("TCP back", ["-R"])):
        end = lab.iperf(*args)["end"]["sum_received"]
        check(end["bits_per_second"] > 1e6,
              "iperf3 %s: %.0f Mb/s" % (name, end["bits_per_second"] / 1e6))
    end = lab.iperf_udp("-b", "100M")
    check(end["lost_percent"] < 1, "iperf3 UDP: %.0f Mb/s, %.2f %% lost" % (
        end["bits_per_second"] / 1e6, end["lost_percent"]))


def check_full_table(lab, source, folder, table, updates):
    start = time.monotonic()
    out = lab.ctl("route", "load", str(table), "via", netlab.SERVER).stdout
    check(True, "full table in %.1f s: %s" % (
        time.monotonic() - start, out.strip().splitlines()[-1]))
    before = drops(lab)
    churn = subprocess.Popen(
        [lab.build / "apps/psnetctl", "-S", lab.socket, "-force",
         "-rate", str(CHURN), "-batch", updates],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lab.children.append(churn)
    time.sleep(0.5)
    fetch(lab, source, folder, "the file under churn")
    running = churn.poll() is None
    if running:
        churn.send_signal(signal.SIGINT)
    out = churn.communicate(timeout=30)[0].strip().splitlines()
    check(running, "churn meanwhile: " + (out[-1] if out else "nothing"))
    lost = {k: v - before.get(k, 0) for k, v in drops(lab).items()
            if v > before.get(k, 0)}
    check(not lost, "packets dropped meanwhile: %s" % (lost or "none"))


def drops(lab):
    """Drops by name, over all interfaces and workers."""
    total = {}
    for d in lab.ctl_json("drops"):
        total[d["reason"]] = total.get(d["reason"], 0) + d["count"]
    return total


def check_link(lab):
    lab.break_link(True)
    lost = lab.ping(count=3, wait=1)
    check(lost == 3, "ping with the link broken: %d of 3 answered" % (3 - lost))
    lab.break_link(False)
    lost = 1
    for _ in range(50):
        if (lost := lab.ping(count=1, wait=1)) == 0:
            break
    check(lost == 0, "ping with the link restored: %d of 1 answered" % (1 - lost))


def show_tables(lab):
    for args in (("-s", "link", "show"), ("stats",), ("drops",)):
        print("\n$ psnetctl " + " ".join(args))
        print(lab.ctl(*args).stdout.rstrip())


def demonstrate(build, driver, folder, source, table, updates):
    print("\n== psnetd between two Linux hosts over %s" % driver, flush=True)
    lab = netlab.Lab(build, driver)
    try:
        lab.spawn("server", "python3", "-m", "http.server", PORT,
                  "--directory", str(folder),
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check_basics(lab)
        fetch(lab, source, folder, "the file")
        check_iperf(lab)
        check_full_table(lab, source, folder, table, updates)
        check_link(lab)
        show_tables(lab)
        status = lab.stop_psnetd()
        print()
        check(status == 0, "psnetd stopped with exit status %d" % status)
    finally:
        lab.close()


def main():
    build, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("making a file of %d MB and route changes for %s" % (
        FILE_MB, os.environ.get("PSNET_TABLE") or
        "a table of %d prefixes" % ROUTES), flush=True)
    source = folder / "file"
    make_file(source)
    try:
        table, updates = make_tables(folder)
    except subprocess.CalledProcessError:
        sys.exit(1)     # it said why
    try:
        for driver in ("af_packet", "tap"):
            demonstrate(build, driver, folder, source, table, updates)
    except netlab.LabError as e:
        check(False, str(e))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
