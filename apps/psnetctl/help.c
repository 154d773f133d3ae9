/* SPDX-License-Identifier: BSD-2-Clause */

#include <stdio.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"

static const char general[] =
    "Usage: psnetctl [OPTIONS] OBJECT [COMMAND ...]\n"
    "       psnetctl [OPTIONS] [-force] [-rate N] -batch FILE\n"
    "\n"
    "Configure and watch a running psnetd with the grammar of ip(8).\n"
    "Objects, commands and options may be abbreviated.\n"
    "\n"
    "OBJECT   link addr route rule neigh ntable nexthop stats drops set "
    "monitor\n"
    "OPTIONS  -j[son]  -p[retty]  -s[tats]  -d[etails]  -S SOCKET  -V[ersion]  "
    "-h[elp]\n"
    "         -t[imeout] SECONDS of silence after which to give up, 30; 0: "
    "never\n"
    "         -b[atch] FILE, - for standard input; with -force go on after "
    "errors,\n"
    "         with -rate N run at most N commands a second\n"
    "\n"
    "\"psnetctl OBJECT help\" shows the commands of an object.\n"
    "\n"
    "Examples:\n"
    "  psnetctl -s link show\n"
    "  psnetctl route add 10.2.0.0/24 via 10.1.0.2\n"
    "  psnetctl -j drops\n"
    "Exit status: 0 done, 1 wrong words, 2 psnetd refused or is not there,\n"
    "             3 a verification found differences, 4 psnetd was silent.\n";

static const struct {
	const char *object, *text;
} objects[] = {
    {"link", "link [show [DEV]]\n"
	     "link set DEV [up|down] [mtu N] [promisc on|off] [arp on|off]\n"
	     "         [table T] [mark N]\n"
	     "link add NAME type DRIVER [KEY=VALUE]... [mtu N] [up]\n"
	     "link delete DEV\n"
	     "\n"
	     "Examples:\n"
	     "  psnetctl link add lan type tap dev=tap0 up\n"
	     "  psnetctl link set lan mtu 1400\n"
	     "  psnetctl -s l        counters per interface and worker\n"},
    {"address", "addr [show [DEV]]\n"
		"addr {add|delete} ADDRESS/LENGTH dev DEV\n"
		"\n"
		"Example:\n"
		"  psnetctl addr add 10.1.0.1/24 dev lan\n"},
    {"route",
	"route [show [SELECTOR]]\n"
	"route flush SELECTOR\n"
	"route {add|replace|change|delete} [TYPE] PREFIX [via A [recursive]]\n"
	"      [dev D] [nhid N] [src A] [metric N] [distance N] [protocol P] "
	"[table T] "
	"[lookup T]\n"
	"      [nexthop via A [dev D] [weight N]]...\n"
	"route get ADDRESS [from A] [iif D] [mark N] [ipproto P] [sport N]\n"
	"      [dport N] [details]\n"
	"route load FILE [via A] [dev D] [nhid] [protocol P] [replace | "
	"whole]\n"
	"      [family inet|inet6] [peer A] [table T]\n"
	"route verify [table T|all] [like T] [count N]\n"
	"\n"
	"SELECTOR  [root|match|exact] PREFIX, dev D, via A, protocol P,\n"
	"          type T, nhid N,\n"
	"          table main|local|default|N|all\n"
	"TYPE      unicast, blackhole, unreachable, prohibit, throw\n"
	"FILE      a list (\"PREFIX [NEXT-HOP]\" a line), a trace of updates "
	"or "
	"an\n"
	"          MRT dump, also packed (gzip, xz, bzip2, zstd); - is "
	"standard\n"
	"          input.  All routes or none are loaded;\n"
	"          whole: and those of the protocol that it has not are "
	"removed.\n"
	"\n"
	"Examples:\n"
	"  psnetctl route add default via 10.1.0.254\n"
	"  psnetctl route add 10.9.0.0/16 nexthop via 10.1.0.2 weight 2 "
	"nexthop via 10.2.0.2\n"
	"  psnetctl route add blackhole 192.0.2.0/24\n"
	"  psnetctl route load table.txt.gz via 10.1.0.254 replace\n"
	"  psnetctl route get 8.8.8.8\n"
	"  psnetctl -d route get 8.8.8.8 from 10.1.0.9 iif lan\n"
	"  psnetctl route verify && echo right\n"},
    {"rule", "rule [show]\n"
	     "rule add [from PREFIX] [iif D|lo] [fwmark M[/MASK]] [pref N]\n"
	     "         lookup TABLE\n"
	     "rule delete ...      the first with all that is said\n"
	     "\n"
	     "Example:\n"
	     "  psnetctl rule add from 10.1.0.0/16 iif lan lookup 100 pref "
	     "1000\n"},
    {"neighbour",
	"neigh [show [PREFIX] [DEV]]\n"
	"neigh {add|replace} ADDRESS lladdr LLADDR dev DEV\n"
	"neigh delete ADDRESS dev DEV\n"
	"neigh flush {all | [dev DEV] [PREFIX]} [permanent]\n"
	"\n"
	"Examples:\n"
	"  psnetctl neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev lan\n"
	"  psnetctl neigh flush dev lan\n"},
    {"ntable",
	"ntable [show [DEV]]\n"
	"ntable change dev DEV {PARAM N}...\n"
	"\n"
	"PARAM     thresh3 incomplete source held rate mcast_probes\n"
	"          ucast_probes; ms: retrans base_reachable gc_stale failed\n"
	"\n"
	"Examples:\n"
	"  psnetctl -s ntable show dev lan\n"
	"  psnetctl ntable change dev lan incomplete 64 rate 32\n"},
    {"nexthop", "nexthop [show [id N] [group] [dev D] [protocol P]]\n"
		"nexthop {add|replace} id N {via A [dev D] | dev D | GROUP |\n"
		"        blackhole | unreachable | prohibit} [protocol P]\n"
		"nexthop {delete|get} id N\n"
		"nexthop flush [group] [dev D] [protocol P]\n"
		"nexthop bucket [show [id N] [nhid N] | get id N index I]\n"
		"\n"
		"GROUP     group ID[,WEIGHT][/ID[,WEIGHT]]... [type resilient\n"
		"          [buckets N] [idle_timer S] [unbalanced_timer S]]\n"
		"          [backup ID]\n"
		"\n"
		"A gateway without dev is looked up in the main table.\n"
		"\n"
		"Examples:\n"
		"  psnetctl nexthop add id 1 via 10.1.0.2 dev lan\n"
		"  psnetctl nexthop add id 2 via 10.1.0.3 dev lan\n"
		"  psnetctl nexthop add id 10 group 1,3/2 type resilient\n"
		"  psnetctl route add default nhid 10\n"
		"  psnetctl nexthop replace id 1 via 10.1.0.4 dev lan\n"},
    {"stats", "stats [-w SECONDS [-c COUNT]]\n"
	      "\n"
	      "Totals of every worker and interface; with -w what is added per "
	      "second.\n"
	      "Example:\n"
	      "  psnetctl stats -w 1\n"},
    {"drops", "drops [DEV]\n"
	      "\n"
	      "Every packet that ended here, by interface, worker and reason.\n"
	      "Example:\n"
	      "  psnetctl drops lan\n"},
    {"set", "set [OPTION on|off|auto|N]\n"
	    "\n"
	    "Examples:\n"
	    "  psnetctl set                  show all options\n"
	    "  psnetctl set forwarding on\n"
	    "  psnetctl set flow-cache auto\n"},
    {"monitor", "monitor [all | link address route neigh nexthop]\n"
		"\n"
		"Example:\n"
		"  psnetctl monitor route neigh\n"},
};

void
psnetctl_help(const char *object)
{
	if (object != NULL && strcmp(object, "neighbor") == 0)
		object = "neighbour";
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		if (object != NULL && object[0] != '\0' &&
		    strncmp(objects[i].object, object, strlen(object)) == 0) {
			printf("Usage: psnetctl [OPTIONS] COMMAND\n\n%s",
			    objects[i].text);
			return;
		}
	}
	fputs(general, stdout);
}
