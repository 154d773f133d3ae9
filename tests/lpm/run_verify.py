#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""scripts/verify-tables' program on small generated tables of both families:
packed, with and without next hops, with traces; and on tables that it must not
accept.  VERIFY-WRONG has tables with mistakes, all of which must be found.

VERIFY-ROUTE has the stack's own routing table in the place of the bare ones.

usage: run_verify.py VERIFY VERIFY-ROUTE VERIFY-WRONG GEN-TABLE
"""
import json
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile

VERIFY, ROUTE, WRONG, GEN = sys.argv[1:5]
DONE = []


def gen(*args):
    return subprocess.run([sys.executable, GEN, *args], check=True, text=True,
                          capture_output=True).stdout


def verify(*args, status=0, program=VERIFY, **env):
    r = subprocess.run([program, *map(str, args)], text=True, capture_output=True,
                       check=False, env=dict(os.environ, **env))
    assert r.returncode == status, (args, r.returncode, r.stdout, r.stderr)
    return r


def finds(how, table):
    r = subprocess.run([WRONG, "-j", "-u", "500", "-k", "500", table], text=True,
                       capture_output=True, check=False,
                       env=dict(os.environ, LPM_WRONG=how))
    return r.returncode == 1 and json.loads(r.stdout)["wrong"] > 0 and \
        ": group " in r.stderr


def case(name):
    DONE.append(name)
    print("ok %d - %s" % (len(DONE), name), flush=True)


def run(tmp):
    v4, v6 = tmp / "v4.any", tmp / "v6.any"
    v4.write_text(gen("-n", "3000", "-i", "300") + "default\t300\n")
    v6.write_bytes(lzma.compress(gen("-6", "-n", "3000").encode()))
    traces = [tmp / "t4", tmp / "t6"]
    (tmp / "plain6").write_bytes(lzma.decompress(v6.read_bytes()))
    traces[0].write_text(gen("-f", v4, "-i", "300", "-t", "2000"))
    traces[1].write_text(gen("-6", "-f", tmp / "plain6", "-i", "300", "-t", "2000"))

    out = verify("-u", 3000, "-k", 3000, v4, v6, *traces).stdout
    assert " 0 wrong" in out.splitlines()[-1], out
    case("both families agree after load, traces, updates and withdrawal")

    r = json.loads(verify("-j", "-u", 2000, "-k", 1000, "-g", 40000, v6).stdout)
    assert r["wrong"] == 0 and r["lookups"] > 6 * 3000, r
    assert [s["step"] for s in r["steps"]] == [
        "load", "random updates", "withdrawal"], r
    assert r["steps"][0]["routes"] == 3000 and r["steps"][2]["routes"] == 0, r
    case("more groups than fit 15 bits")

    r = json.loads(verify("-j", "-u", 3000, "-k", 1000, "-g", 40000, v4, v6,
                          *traces, program=ROUTE).stdout)
    assert r["wrong"] == 0 and {s["family"] for s in r["steps"]} == {
        "IPv4", "IPv6"}, r
    assert {s["engine"] for s in r["steps"]} == {"routing table"}, r
    case("the stack's own routing table agrees, too")

    r = json.loads(verify("-j", "-u", 100, "-k", 100, traces[0]).stdout)
    assert r["steps"][0]["table"] == "an empty table", r
    assert r["steps"][1]["updates"] == 2000, r
    case("a trace alone begins with nothing")

    for body in ("portable", "avx2", "avx512", "neon"):
        verify("-u", 500, "-k", 1000, v4, v6, PSNET_FIB=body)
    case("every way to look a batch up, or the best that this machine has")

    for how in ("stage", "edge", "batch", "late"):
        assert finds(how, v4), how
    case("mistakes are found")

    (tmp / "bad").write_text("10.0.0.0/8\n10.0.0.1/8\n")
    assert "bad:2: \"10.0.0.1/8\"" in verify(tmp / "bad", status=2).stderr
    verify(tmp / "none", status=2)
    verify(status=2)
    (tmp / "empty").write_text("")
    assert "nothing to look up" in verify(tmp / "empty", status=2).stderr
    case("no verdict without a table")


with tempfile.TemporaryDirectory() as scratch:
    run(pathlib.Path(scratch))
print("1..%d" % len(DONE))
