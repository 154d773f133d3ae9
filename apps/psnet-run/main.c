/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/psnet-run/run.h"
#include "apps/words.h"
#include "stack/proto/ipv4/ipv4.h"

static const char usage[] =
    "usage: psnet-run forward [-w WORKERS] [-t SECONDS] [-r ROUTES] [-f "
    "FLOWS]\n"
    "                         [-c off|on|auto] [-p RULES] [-j]\n"
    "       psnet-run demo [-r ROUTES] INFILE OUTFILE\n"
    "\n"
    "Whole topologies in one process, over in-memory wires; no root needed.\n"
    "\n"
    "forward  print how many 64-byte frames a second are forwarded\n"
    "demo     client, router, server: ping, traceroute, the transfer of "
    "INFILE\n"
    "         into OUTFILE, again under a full table with route churn, and a\n"
    "         broken link; prints each check and the counters\n"
    "\n"
    "  -w WORKERS  worker threads (default 1)\n"
    "  -t SECONDS  how long to measure (default 2)\n"
    "  -r ROUTES   routes in the table besides those in use (forward: 0,\n"
    "              demo: 900000)\n"
    "  -f FLOWS    frames in flight per worker, each to an address of its own\n"
    "              (default 256, at most 32768)\n"
    "  -c WHICH    the flow cache off, on or auto (default off)\n"
    "  -p RULES    policy rules that the frames do not match (default 0)\n"
    "  -j          one line of JSON\n"
    "  -h, --help  this text\n"
    "\n"
    "exit status: 0 done, 1 a check or the run failed, 2 usage\n"
    "\n"
    "examples:\n"
    "  psnet-run forward -w 2 -r 900000\n"
    "  psnet-run demo /boot/vmlinuz /tmp/copy\n";

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct options {
	unsigned long workers, routes, flows, rules, seconds;
	uint32_t flow_cache;
	bool json, routes_given;
};

static int
fail_usage(const char *what, const char *word)
{
	fprintf(stderr, "psnet-run: %s: %s\n%s", what, word, usage);
	return 2;
}

/* A whole number between min and max.  Returns: false if it is not one. */
static bool
parse_number(
    const char *s, unsigned long min, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(s, &end, 10);
	return errno == 0 && end != s && *end == '\0' && s[0] != '-' &&
	       *out >= min && *out <= max;
}

/* Of a number: where it goes and what it may be. */
static int
parse_count(int letter, struct options *o)
{
	switch (letter) {
	case 'w':
		return parse_number(optarg, 1, STACK_WORKERS_MAX, &o->workers)
			   ? 0
			   : fail_usage("bad worker count", optarg);
	case 'r':
		o->routes_given = true;
		return parse_number(optarg, 0, 5000000, &o->routes)
			   ? 0
			   : fail_usage("bad route count", optarg);
	case 'f':
		return parse_number(optarg, 1, RUN_FLOWS_MAX, &o->flows)
			   ? 0
			   : fail_usage("bad number of flows", optarg);
	case 'p':
		return parse_number(optarg, 0, 65536, &o->rules)
			   ? 0
			   : fail_usage("bad number of rules", optarg);
	default:
		return parse_number(optarg, 1, 3600, &o->seconds)
			   ? 0
			   : fail_usage("bad time", optarg);
	}
}

static int
parse_options(int argc, char **argv, struct options *o)
{
	struct words_error e;
	int c;

	while ((c = getopt_long(
		    argc, argv, "w:t:r:f:c:p:jh", long_options, NULL)) != -1) {
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'c':
			if (words_switch(optarg, &o->flow_cache, &e) != 0 ||
			    !ipv4_option_valid(
				IPV4_OPT_FLOW_CACHE, o->flow_cache))
				return fail_usage("bad flow cache", optarg);
			break;
		case '?':
			fputs(usage, stderr);
			return 2;
		default:
			if (parse_count(c, o) != 0)
				return 2;
		}
	}
	return 0;
}

static int
forward(const struct options *o)
{
	static const char *const cache[] = {"off", "on", "auto"};
	const struct run_forward f = {
	    .nworkers = (unsigned int)o->workers,
	    .nroutes = o->routes_given ? o->routes : 0,
	    .nflows = (unsigned int)o->flows,
	    .nrules = (unsigned int)o->rules,
	    .flow_cache = o->flow_cache,
	    .seconds = (double)o->seconds,
	};
	struct run_rate rate;
	int err;

	err = run_forward(&f, &rate);
	if (err != 0) {
		fprintf(stderr, "psnet-run: forward: %s\n", strerror(-err));
		return 1;
	}
	if (o->json)
		printf("{\"workers\": %lu, \"routes\": %zu, \"frame\": 64, "
		       "\"flows\": %lu, \"rules\": %lu, "
		       "\"flow_cache\": \"%s\", \"mpps\": %.3f, "
		       "\"cpu_ns\": %.1f}\n",
		    o->workers, f.nroutes, o->flows, o->rules,
		    cache[o->flow_cache], rate.mpps, rate.cpu_ns);
	else
		printf("%lu worker%s, %zu routes: %.3f Mpps of 64-byte frames, "
		       "%.0f ns per packet and worker\n",
		    o->workers, o->workers == 1 ? "" : "s", f.nroutes,
		    rate.mpps, 1e3 * (double)o->workers / rate.mpps);
	return 0;
}

int
main(int argc, char **argv)
{
	struct options o = {.workers = 1, .flows = 256, .seconds = 2};
	const char *cmd;
	int err;

	if ((err = parse_options(argc, argv, &o)) != 0)
		return err;
	if (optind == argc)
		return fail_usage("a command is missing", "forward or demo");
	cmd = argv[optind++];
	if (strcmp(cmd, "forward") == 0 && optind == argc)
		return forward(&o);
	if (strcmp(cmd, "demo") == 0 && optind + 2 == argc)
		return run_demo(argv[optind], argv[optind + 1],
			   o.routes_given ? o.routes : 900000) == 0
			   ? 0
			   : 1;
	return fail_usage("bad command", cmd);
}
