#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Routes through psnetd and psnetctl.

usage: test_psnetd_route.py BUILD-FOLDER
"""
import subprocess
import sys
import time

import daemon
from daemon import BUILD, select_now


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


if __name__ == "__main__":
    sys.exit(daemon.run([
        routes_are_edited_and_shown, the_best_of_several_routes_is_used,
        events_are_told_to_a_monitor,
    ]))
