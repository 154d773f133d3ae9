/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Routing tables beside their peers; scripts/bench route runs this.  One
 * process measures one thing, as its first argument says.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "benchmarks/route_lanes.h"
#include "libsync/pserialize/pserialize.h"

#ifdef BENCH_DPDK
extern const struct route_kind rte_lpm, rte_lpm_rules, rte_lpm6;
extern const struct route_kind rte_fib_1, rte_fib_2, rte_fib_4, rte_fib_8;
extern const struct route_kind rte_fib6_2, rte_fib6_4, rte_fib6_8;
#endif

const struct route_kind *const route_kinds[] = {
    &route_ours4_best,
    &route_ours4_portable,
    &route_ours6_best,
    &route_ours6_portable,
    &route_stack4,
    &route_stack6,
    &route_small4,
    &route_small6,
    &route_trie4,
    &route_trie6,
#ifdef BENCH_DPDK
    &rte_lpm,
    &rte_lpm_rules,
    &rte_fib_1,
    &rte_fib_2,
    &rte_fib_4,
    &rte_fib_8,
    &rte_lpm6,
    &rte_fib6_2,
    &rte_fib6_4,
    &rte_fib6_8,
#endif
    NULL,
};

static int
list_kinds(const struct route_job *job)
{
	for (const struct route_kind *const *k = route_kinds; *k != NULL; k++)
		if ((*k)->family == job->set.family)
			printf("{\"kind\": \"%s\", \"ours\": %s}\n", (*k)->name,
			    (*k)->ours ? "true" : "false");
	printf("{\"missing\": \"%s\"}\n", BENCH_ROUTE_MISSING);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct route_job *job);
} commands[] = {
    {"lookup", bench_route_lookup},
    {"latency", bench_route_latency},
    {"scale", bench_route_scale},
    {"tables", bench_route_tables},
    {"update", bench_route_update},
    {"load", bench_route_load},
    {"trace", bench_route_trace},
    {"loss", bench_route_loss},
    {"link", bench_route_link},
    {"flow", bench_route_flow},
    {"kinds", list_kinds},
};

static void
nothing(struct pserialize_head *head)
{
	(void)head;
}

/* Its thread is not to share the processor that is measured. */
static void
start_reclaiming(void)
{
	static struct pserialize_head head;

	pserialize_call(&head, nothing);
	pserialize_barrier();
}

static void
usage(void)
{
	fputs(
	    "usage: bench_route COMMAND [-46HX] [-c CONDITION] [-k KINDS]\n"
	    "           [-m ROUTES] [-n TABLES] [-r ROUNDS] [-u TRACE] TABLE\n"
	    "  -4, -6  the family of TABLE, a list of prefixes\n"
	    "  -H      without huge pages\n"
	    "  -X      beside a neighbour that thrashes the cache\n"
	    "  -c      what the results are to say of this run\n"
	    "  -k      only these structures, with commas between\n"
	    "  -m      with so many routes of the table only\n"
	    "  -n      tables to look up in, in rotation\n"
	    "  -u      updates to replay: second, A or W, prefix, next hop\n",
	    stderr);
	exit(2);
}

static unsigned int
number(const char *word, unsigned int most)
{
	char *end;
	const unsigned long n = strtoul(word, &end, 10);

	if (*end != '\0' || n == 0 || n > most)
		usage();
	return (unsigned int)n;
}

static const char *
options(struct route_job *job, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "46HXc:k:m:n:r:u:")) != -1) {
		switch (c) {
		case '4':
		case '6':
			job->set.family = (unsigned int)(c - '0');
			break;
		case 'H':
			job->huge = false;
			break;
		case 'X':
			job->thrash = true;
			break;
		case 'c':
			job->condition = optarg;
			break;
		case 'k':
			job->kinds = optarg;
			break;
		case 'm':
			job->cut = number(optarg, 1U << 31);
			break;
		case 'n':
			job->tables = number(optarg, ROUTE_TABLES_MAX);
			break;
		case 'r':
			job->rounds = number(optarg, 10000);
			break;
		case 'u':
			job->trace = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc)
		usage();
	return argv[optind];
}

int
main(int argc, char **argv)
{
	struct route_job job = {
	    .set.family = 4,
	    .condition = "",
	    .tables = 1,
	    .rounds = 15,
	    .huge = true,
	};
	const char *path;
	int status;

	if (argc < 2)
		usage();
	job.command = argv[1];
	path = options(&job, argc - 1, argv + 1);
	if (!job.huge && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) {
		perror("prctl");
		return 1;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, job.command) != 0)
			continue;
		start_reclaiming();
		if (!route_lanes_pin(0))
			fprintf(stderr, "it may not choose a processor\n");
		route_set_load(&job.set, job.set.family, path);
		if (job.cut != 0)
			route_set_cut(&job.set, job.cut, 3);
		status = commands[i].run(&job);
		route_set_fini(&job.set);
		return status;
	}
	usage();
}
