/* SPDX-License-Identifier: BSD-2-Clause */

/* Executions and verdicts. */

#include "tests/wsim/runtime/impl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXECUTIONS 200000u
#define STEPS      20000u
#define CALIBRATE  32u /* executions that measure the length */

struct wsim *wsim;

extern const struct wsim_test *const __start_wsim_tests[];
extern const struct wsim_test *const __stop_wsim_tests[];

struct options {
	uint64_t n, first, replay;
	bool replays, json, list;
	unsigned last, steps;
	const char *only;
};

struct result {
	enum wsim_class class;
	uint64_t executions, steps, seed;
	double seconds;
};

static void
usage(FILE *to, const char *prog)
{
	fprintf(to,
	    "usage: %s [-n N] [-f SEED] [-s SEED] [-t TEST] [-m STEPS] "
	    "[-T N] [-j] [-l]\n\n"
	    "Run each test under many schedules and choices of stale reads.\n\n"
	    "  -n N     executions, in equal parts for the tests that must "
	    "not fail;\n"
	    "           a test that must fail gets up to N "
	    "(WSIM_N in the environment, %u)\n"
	    "  -f SEED  first seed (1); execution i uses SEED + i\n"
	    "  -s SEED  only this execution, with a full trace\n"
	    "  -t TEST  only the test of this name\n"
	    "  -m STEPS most steps of an execution (%u)\n"
	    "  -T N     events shown of an execution that fails (60)\n"
	    "  -j       one JSON object per line instead of TAP\n"
	    "  -l       list the tests\n\n"
	    "Status: 0 if every test ended as it says, 1 if not, 2 usage.\n",
	    prog, EXECUTIONS, STEPS);
}

static uint64_t
number(const char *s, const char *prog)
{
	char *end;
	uint64_t v = strtoull(s, &end, 0);

	if (*s == '\0' || *end != '\0') {
		fprintf(stderr, "%s: not a number: %s\n", prog, s);
		exit(2);
	}
	return v;
}

static void
parse(int argc, char **argv, struct options *o)
{
	const char *env = getenv("WSIM_N");
	int c;

	*o = (struct options){
	    .n = EXECUTIONS, .first = 1, .last = 60, .steps = STEPS};
	if (env != NULL)
		o->n = number(env, "WSIM_N");
	while ((c = getopt(argc, argv, "n:f:s:t:m:T:jlh")) != -1) {
		switch (c) {
		case 'n':
			o->n = number(optarg, argv[0]);
			break;
		case 'f':
			o->first = number(optarg, argv[0]);
			break;
		case 's':
			o->replay = number(optarg, argv[0]);
			o->replays = true;
			break;
		case 't':
			o->only = optarg;
			break;
		case 'm':
			o->steps = (unsigned)number(optarg, argv[0]);
			break;
		case 'T':
			o->last = (unsigned)number(optarg, argv[0]);
			break;
		case 'j':
			o->json = true;
			break;
		case 'l':
			o->list = true;
			break;
		case 'h':
			usage(stdout, argv[0]);
			exit(0);
		default:
			usage(stderr, argv[0]);
			exit(2);
		}
	}
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/*
 * PCT places its changes within the length of an execution.  Measured with the
 * same seeds in a replay, so that this one is the same, too.
 */
static void
calibrate(const struct wsim_test *t)
{
	unsigned most = 0;

	wsim->estimate = 64;
	for (uint64_t seed = 1; seed <= CALIBRATE; seed++) {
		wsim_sched_run(t, seed);
		if (wsim->failure.class == WSIM_PASS && wsim->steps > most)
			most = wsim->steps;
	}
	if (most > 0)
		wsim->estimate = most;
}

static bool
wanted(const struct wsim_test *t, const struct options *o)
{
	return o->only == NULL || strcmp(o->only, t->name) == 0;
}

/* How many executions a test gets. */
static uint64_t
share(const struct wsim_test *t, const struct options *o)
{
	const struct wsim_test *const *i;
	uint64_t n = 0;

	for (i = __start_wsim_tests; i < __stop_wsim_tests; i++)
		n += wanted(*i, o) && (*i)->expect == WSIM_PASS;
	return t->expect == WSIM_PASS ? (o->n + n - 1) / n : o->n;
}

static void
run_test(const struct wsim_test *t, const struct options *o, struct result *r)
{
	const double start = now();
	const uint64_t n = share(t, o);

	*r = (struct result){.class = WSIM_PASS};
	calibrate(t);
	for (uint64_t i = 0; i < n && r->class == WSIM_PASS; i++) {
		r->seed = o->first + i;
		wsim_sched_run(t, r->seed);
		r->executions++;
		r->steps += wsim->steps;
		r->class = wsim->failure.class;
	}
	r->seconds = now() - start;
}

static void
replay(const struct wsim_test *t, uint64_t seed, unsigned last)
{
	wsim->tracing = true;
	wsim_sched_run(t, seed);
	wsim->tracing = false;
	wsim_trace_print(last);
}

static void
print_json(const struct wsim_test *t, const struct result *r, bool ok)
{
	printf("{\"test\":\"%s\",\"ok\":%s,\"class\":\"%s\",\"expected\":\"%s\""
	       ",\"executions\":%llu,\"steps\":%llu,\"seconds\":%.3f"
	       ",\"seed\":%llu}\n",
	    t->name, ok ? "true" : "false", wsim_class_name(r->class),
	    wsim_class_name(t->expect), (unsigned long long)r->executions,
	    (unsigned long long)r->steps, r->seconds,
	    (unsigned long long)r->seed);
}

static bool
run_and_report(const struct wsim_test *t, const struct options *o,
    const char *prog, unsigned number_of)
{
	struct result r;
	bool ok;

	run_test(t, o, &r);
	ok = r.class == t->expect;
	if (o->json) {
		print_json(t, &r, ok);
		return ok;
	}
	if (r.class == WSIM_PASS)
		printf("# %s: none of %llu executions failed; %.1f steps each, "
		       "%.2f s\n",
		    t->name, (unsigned long long)r.executions,
		    (double)r.steps / (double)(r.executions + !r.executions),
		    r.seconds);
	else
		printf("# %s: %s in execution %llu, seed %llu\n", t->name,
		    wsim_class_name(r.class), (unsigned long long)r.executions,
		    (unsigned long long)r.seed);
	if (!ok && t->expect != WSIM_PASS)
		printf("# expected: %s\n", wsim_class_name(t->expect));
	if (!ok && r.class != WSIM_PASS) {
		replay(t, r.seed, o->last);
		printf("# again: %s -t %s -s %llu\n", prog, t->name,
		    (unsigned long long)r.seed);
	}
	printf("%s %u - %s\n", ok ? "ok" : "not ok", number_of, t->name);
	fflush(stdout);
	return ok;
}

static bool
act(const struct wsim_test *t, const struct options *o, const char *prog,
    unsigned i)
{
	if (o->list) {
		printf("%s (%s)\n", t->name, wsim_class_name(t->expect));
		return true;
	}
	if (o->replays) {
		calibrate(t);
		printf("# %s, seed %llu\n", t->name,
		    (unsigned long long)o->replay);
		replay(t, o->replay, WSIM_EVENTS);
		return (wsim->failure.class == WSIM_PASS) ==
		       (t->expect == WSIM_PASS);
	}
	return run_and_report(t, o, prog, i);
}

int
main(int argc, char **argv)
{
	const struct wsim_test *const *t;
	struct options o;
	unsigned count = 0, failed = 0, i = 0;

	parse(argc, argv, &o);
	wsim_switch_init();
	wsim_catch_crashes();
	wsim->max_steps = o.steps;
	for (t = __start_wsim_tests; t < __stop_wsim_tests; t++)
		count += wanted(*t, &o);
	if (!o.json && !o.list && !o.replays)
		printf("TAP version 13\n1..%u\n", count);
	for (t = __start_wsim_tests; t < __stop_wsim_tests; t++)
		if (wanted(*t, &o))
			failed += !act(*t, &o, argv[0], ++i);
	if (count == 0) {
		fprintf(stderr, "%s: no such test\n", argv[0]);
		return 2;
	}
	return failed > 0;
}
