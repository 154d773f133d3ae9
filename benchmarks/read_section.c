/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a read section costs on this machine, ours beside its peers, in one
 * run.  Every round times each of them once, in turn, so that a disturbance
 * hits all alike; the least of many rounds is what is left without one.
 *
 * usage: read_section [-j] [-r ROUNDS] [-n SECTIONS]
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "benchmarks/section.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The first two are what the others are compared with. */
static const struct section *const sections[] = {
    &section_loop,
    &section_pserialize,
    &section_urcu_memb,
    &section_urcu_qsbr,
    &section_urcu_qsbr_lock,
    &section_urcu_bp,
    &section_ck_epoch,
    &section_rwlock,
};

/* Least time of one operation, in ns; negative: there is no such operation. */
struct cost {
	double read, nested, synchronize;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
keep_least(double *least, double start, size_t n)
{
	const double each = (now() - start) / (double)n;

	if (*least < 0 || each < *least)
		*least = each;
}

static void
run_round(const struct section *s, const struct section_data *d, size_t n,
    struct cost *c)
{
	const size_t waits = n / 1000 + 1;
	double start;

	if (s->thread_init != NULL)
		s->thread_init();
	s->read(d, n / 10); /* warm up */
	start = now();
	s->read(d, n);
	keep_least(&c->read, start, n);
	if (s->nested != NULL) {
		start = now();
		s->nested(d, n);
		keep_least(&c->nested, start, n);
	}
	if (s->synchronize != NULL) {
		start = now();
		for (size_t i = 0; i < waits; i++)
			s->synchronize();
		keep_least(&c->synchronize, start, waits);
	}
	if (s->thread_fini != NULL)
		s->thread_fini();
}

/* What the loop does not explain; noise does not make it negative. */
static double
above(double cost, double loop)
{
	return cost > loop ? cost - loop : 0;
}

static void
print_cell(double ns)
{
	if (ns < 0)
		printf(" %10s", "-");
	else
		printf(" %10.2f", ns);
}

static void
print_table(const struct cost *c)
{
	const double ours = above(c[1].read, c[0].read);

	printf("%-16s %10s %10s %10s %10s %10s\n", "ns", "section", "- loop",
	    "x ours", "nested", "wait");
	for (size_t i = 0; i < COUNT(sections); i++) {
		const double own = above(c[i].read, c[0].read);

		printf("%-16s", sections[i]->name);
		print_cell(c[i].read);
		print_cell(i == 0 ? -1 : own);
		print_cell(i == 0 || ours <= 0 ? -1 : own / ours);
		print_cell(c[i].nested);
		print_cell(c[i].synchronize);
		printf("\n");
	}
}

static void
print_json_field(const char *name, double ns)
{
	if (ns >= 0)
		printf(", \"%s\": %.3f", name, ns);
}

static void
print_json(const struct cost *c)
{
	printf("[\n");
	for (size_t i = 0; i < COUNT(sections); i++) {
		printf("  {\"name\": \"%s\"", sections[i]->name);
		print_json_field("section_ns", c[i].read);
		print_json_field("above_loop_ns", above(c[i].read, c[0].read));
		print_json_field("nested_ns", c[i].nested);
		print_json_field("wait_ns", c[i].synchronize);
		printf("}%s\n", i + 1 < COUNT(sections) ? "," : "");
	}
	printf("]\n");
}

static size_t
parse_count(const char *word, const char *what)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(word, &end, 10);
	if (errno != 0 || *end != '\0' || n == 0 || n > 1000000000) {
		fprintf(stderr, "read_section: %s: %s is not a count\n", what,
		    word);
		exit(2);
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct section_data data;
	struct cost costs[COUNT(sections)];
	size_t rounds = 60, n = 100000;
	bool json = false;
	int c;

	while ((c = getopt(argc, argv, "jr:n:")) != -1) {
		if (c == 'j') {
			json = true;
		} else if (c == 'r') {
			rounds = parse_count(optarg, "rounds");
		} else if (c == 'n') {
			n = parse_count(optarg, "sections");
		} else {
			fprintf(stderr, "usage: read_section [-j] "
					"[-r ROUNDS] [-n SECTIONS]\n");
			return 2;
		}
	}
	for (size_t i = 0; i < COUNT(sections); i++)
		costs[i] = (struct cost){-1, -1, -1};
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < COUNT(sections); i++)
			run_round(sections[i], &data, n, &costs[i]);
	if (json)
		print_json(costs);
	else
		print_table(costs);
	return 0;
}
