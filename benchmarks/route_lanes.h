/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_ROUTE_LANES_H
#define BENCHMARKS_ROUTE_LANES_H

/*
 * A run of bench_route: what it was asked for, and the lanes, each a structure
 * in one of its modes, that are measured in turns.  Results go to standard
 * output, one JSON object in each line; scripts/benchroute.py reads them.
 */

#include "benchmarks/route.h"

#define ROUTE_LANES_MAX  40U
#define ROUTE_TABLES_MAX 4096U

struct route_job {
	const char *command;
	const char *kinds; /* names with commas, or NULL: all */
	const char *trace; /* a file, or NULL */
	const char *condition;
	struct route_set set;
	unsigned int tables, rounds;
	size_t cut; /* to so many routes; 0: not */
	bool thrash, huge;
};

struct route_lane {
	const struct route_kind *kind;
	const struct route_way *mode;
	void **table;    /* shared by the modes of a kind */
	uint8_t *refuse; /* [set.n] */
	size_t refused;
	double right[ROUTE_STREAMS]; /* share of answers, beside the table */
};

struct route_lanes {
	struct route_lane lane[ROUTE_LANES_MAX];
	unsigned int n;
	unsigned int tables;
};

bool route_lanes_wanted(const struct route_job *job, const char *kind);

/* Fill the tables and check their answers; exits if a structure is wrong. */
void route_lanes_create(struct route_lanes *l, const struct route_job *job);
void route_lanes_destroy(struct route_lanes *l);

/* [{"ns": [...], NAME: value, ...}]: begin a line, its list, and its end. */
void route_lanes_begin(const struct route_job *job, const struct route_lane *l);
void route_lanes_end(const double *ns, unsigned int n);

/* Nanoseconds of this thread's processor time; and of the wall clock. */
double route_lanes_cpu(void);
double route_lanes_wall(void);

/* 0 .. n - 1 in a random order */
void route_lanes_shuffle(unsigned int *order, unsigned int n, uint64_t *rnd);

/* Stay on one processor, the at-th of those that the process may use. */
bool route_lanes_pin(unsigned int at);

/* Stay on the second; without one, end the process: it says so with 77. */
void route_lanes_pin_other(void);

int bench_route_lookup(const struct route_job *job);
int bench_route_latency(const struct route_job *job);
int bench_route_scale(const struct route_job *job);
int bench_route_tables(const struct route_job *job);
int bench_route_update(const struct route_job *job);
int bench_route_load(const struct route_job *job);
int bench_route_trace(const struct route_job *job);
int bench_route_loss(const struct route_job *job);
int bench_route_link(const struct route_job *job);
int bench_route_flow(const struct route_job *job);

#endif /* BENCHMARKS_ROUTE_LANES_H */
