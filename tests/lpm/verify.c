/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Differential test of longest-prefix match: every table given is loaded into
 * the tree and the forwarding table of its family, and both are asked what the
 * brute-force oracle is asked: at every edge of every prefix, and along three
 * streams of keys; after the load, after each trace given, after random
 * updates, and after everything was withdrawn.  An update is also checked where
 * it happened, at once.
 */

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lpm/check.h"
#include "tests/lpm/churn.h"
#include "tests/lpm/file.h"

/* Exit statuses. */
enum {
	AGREED = 0,
	DIFFERED = 1,
	NOT_RUN = 2
};

struct verify {
	uint64_t updates, keys, seed;
	bool json, bar;
	struct lpm_file *files;
	int nfiles;
	struct lpm_file_hops hops;
	uint64_t all_lookups, all_updates, all_wrong;
	json_t *steps;

	/* The table at work. */
	struct lpm_check check;
	struct lpm_churn churn;
	const struct lpm_file *table; /* NULL: it begins empty */
	struct timespec started;      /* of the step */
	uint64_t percent, lookups, updates_done, wrong;
};

static const char usage_text[] =
    "usage: verify [-j] [-u UPDATES] [-k KEYS] [-g GROUPS] [-s SEED] FILE...\n";

static double
seconds(const struct verify *v)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - v->started.tv_sec) +
	       (double)(now.tv_nsec - v->started.tv_nsec) / 1e9;
}

static const char *
table_name(const struct verify *v)
{
	return v->table != NULL ? v->table->path : "an empty table";
}

static const char *
family_name(const struct verify *v)
{
	return v->check.bits == 32 ? "IPv4" : "IPv6";
}

static void
begin_step(struct verify *v)
{
	clock_gettime(CLOCK_MONOTONIC, &v->started);
	v->lookups = v->check.lookups;
	v->updates_done = v->check.updates;
	v->wrong = v->check.wrong;
	v->percent = UINT64_MAX;
}

static void
progress(struct verify *v, const char *step, uint64_t done, uint64_t total)
{
	const uint64_t percent = total > 0 ? done * 100 / total : 100;

	if (!v->bar || percent == v->percent)
		return;
	v->percent = percent;
	fprintf(stderr, "\r\033[K%s: %3u%%", step, (unsigned int)percent);
}

static void
end_step(struct verify *v, const char *step)
{
	const struct lpm_check *c = &v->check;
	const uint64_t lookups = c->lookups - v->lookups;
	const uint64_t updates = c->updates - v->updates_done;
	const uint64_t wrong = c->wrong - v->wrong;
	const size_t routes = lpm_tree_count(c->tree);

	if (v->bar)
		fputs("\r\033[K", stderr);
	if (v->json)
		json_array_append_new(v->steps,
		    json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:f}",
			"table", table_name(v), "family", family_name(v),
			"step", step, "engine",
			c->engine != NULL ? c->engine->name : NULL, "routes",
			(json_int_t)routes, "updates", (json_int_t)updates,
			"lookups", (json_int_t)lookups, "wrong",
			(json_int_t)wrong, "seconds", seconds(v)));
	else
		printf("  %-40s %8zu routes %8llu updates %9llu lookups "
		       "%llu wrong, %.1f s\n",
		    step, routes, (unsigned long long)updates,
		    (unsigned long long)lookups, (unsigned long long)wrong,
		    seconds(v));
	fflush(stdout);
}

/* Ask everywhere. */
static void
sweep(struct verify *v, const char *step)
{
	struct lpm_check *c = &v->check;
	const uint64_t total = v->churn.n + v->keys;

	for (size_t i = 0; i < v->churn.n; i++) {
		lpm_check_prefix(c, &v->churn.known[i]);
		progress(v, step, i, total);
	}
	for (uint64_t i = 0; i < v->keys; i++) {
		struct lpm_key k = lpm_keys_uniform(&c->rng, c->bits);

		lpm_check_key(c, &k);
		if (v->churn.n > 0) {
			const size_t any = lpm_keys_below(&c->rng, v->churn.n);
			const size_t hot = lpm_keys_zipf(&c->rng, v->churn.n);

			k = lpm_keys_inside(
			    &c->rng, &v->churn.known[any], c->bits);
			lpm_check_key(c, &k);
			k = lpm_keys_inside(
			    &c->rng, &v->churn.known[hot], c->bits);
			lpm_check_key(c, &k);
		}
		progress(v, step, v->churn.n + i, total);
	}
	lpm_check_flush(c);
}

/* One update, visible and checked where it happened. */
static int
update(struct verify *v, const struct lpm_prefix *p, uint32_t group)
{
	int rc = lpm_check_edit(&v->check, p, group);

	if (rc == 0)
		rc = lpm_check_commit(&v->check);
	if (rc == 0)
		lpm_check_prefix(&v->check, p);
	return rc;
}

static int
load(struct verify *v)
{
	const uint8_t family = v->check.bits == 32 ? 4 : 6;
	int rc = 0;

	begin_step(v);
	for (size_t i = 0; v->table != NULL && i < v->table->n; i++) {
		const struct lpm_file_route *r = &v->table->routes[i];

		if (r->family != family)
			continue;
		rc = lpm_check_edit(&v->check, &r->p, r->group);
		if (rc == 0)
			rc = lpm_churn_learn(&v->churn, &r->p);
		if (rc != 0)
			return rc;
	}
	rc = lpm_check_commit(&v->check);
	if (rc != 0)
		return rc;
	lpm_churn_shuffle(&v->churn);
	sweep(v, "load");
	end_step(v, "load");
	return 0;
}

static int
replay(struct verify *v, const struct lpm_file *trace)
{
	const uint8_t family = v->check.bits == 32 ? 4 : 6;
	char step[160];
	int rc = 0;

	snprintf(step, sizeof(step), "trace %s",
	    strrchr(trace->path, '/') != NULL ? strrchr(trace->path, '/') + 1
					      : trace->path);
	begin_step(v);
	for (size_t i = 0; i < trace->n; i++) {
		const struct lpm_file_route *r = &trace->routes[i];

		if (r->family != family)
			continue;
		if (lpm_oracle_exact(v->check.oracle, &r->p) == 0)
			rc = lpm_churn_learn(&v->churn, &r->p);
		if (rc == 0)
			rc = update(v, &r->p, r->group);
		if (rc != 0)
			return rc;
		progress(v, step, i, trace->n);
	}
	sweep(v, step);
	end_step(v, step);
	return 0;
}

static int
churn(struct verify *v)
{
	begin_step(v);
	for (uint64_t i = 0; i < v->updates; i++) {
		struct lpm_prefix p;
		uint32_t group;
		int rc = lpm_churn_next(&v->churn, v->check.oracle, &p, &group);

		if (rc == 0)
			rc = update(v, &p, group);
		if (rc != 0)
			return rc;
		progress(v, "random updates", i, v->updates);
	}
	sweep(v, "random updates");
	end_step(v, "random updates");
	return 0;
}

/* In random order, some at a time; nothing may be left. */
static int
withdraw(struct verify *v)
{
	struct lpm_check *c = &v->check;
	size_t i = 0;
	int rc = 0;

	begin_step(v);
	lpm_churn_shuffle(&v->churn);
	while (rc == 0 && i < v->churn.n) {
		const size_t from = i;
		const size_t n = 1 + lpm_keys_below(&c->rng, 256);

		for (; rc == 0 && i < v->churn.n && i < from + n; i++)
			rc = lpm_check_edit(c, &v->churn.known[i], 0);
		if (rc == 0)
			rc = lpm_check_commit(c);
		lpm_check_prefix(c, &v->churn.known[from]);
		progress(v, "withdrawal", i, v->churn.n);
	}
	if (rc != 0)
		return rc;
	sweep(v, "withdrawal");
	end_step(v, "withdrawal");
	return 0;
}

static int
refused(const struct verify *v, int rc)
{
	fprintf(
	    stderr, "%s: refused: %s\n", table_name(v), words_strerror(-rc));
	return rc;
}

/* All steps of one family of one table. */
static int
verify_table(struct verify *v, const struct lpm_file *table, unsigned int bits)
{
	int rc = lpm_check_init(&v->check, bits, v->seed);

	v->table = table;
	if (rc != 0)
		return refused(v, rc);
	v->churn = (struct lpm_churn){.bits = bits,
	    .groups = v->hops.n > v->hops.made_up ? v->hops.n : v->hops.made_up,
	    .rng.state = v->seed + 1};
	if (!v->json)
		printf("%s, %s, %s\n", table_name(v), family_name(v),
		    v->check.engine != NULL ? v->check.engine->name
					    : "tree only");
	rc = load(v);
	for (int i = 0; rc == 0 && i < v->nfiles; i++) {
		if (v->files[i].stream && v->files[i].of[bits == 128] > 0)
			rc = replay(v, &v->files[i]);
	}
	if (rc == 0)
		rc = churn(v);
	if (rc == 0)
		rc = withdraw(v);
	if (rc != 0)
		refused(v, rc);
	lpm_churn_fini(&v->churn);
	lpm_check_fini(&v->check);
	v->all_lookups += v->check.lookups;
	v->all_updates += v->check.updates;
	v->all_wrong += v->check.wrong + (rc != 0);
	return rc;
}

/* Tables of a family; if there are traces only, they begin with nothing. */
static int
verify_family(struct verify *v, unsigned int bits)
{
	const int family = bits == 128;
	bool tables = false, traces = false;
	int rc = 0;

	for (int i = 0; rc == 0 && i < v->nfiles; i++) {
		const struct lpm_file *f = &v->files[i];

		if (f->of[family] == 0)
			continue;
		traces |= f->stream;
		tables |= !f->stream;
		if (!f->stream)
			rc = verify_table(v, f, bits);
	}
	if (rc == 0 && traces && !tables)
		rc = verify_table(v, NULL, bits);
	return rc;
}

static void
verdict(struct verify *v)
{
	json_t *all;

	if (!v->json) {
		printf("%llu lookups, %llu updates, %llu wrong\n",
		    (unsigned long long)v->all_lookups,
		    (unsigned long long)v->all_updates,
		    (unsigned long long)v->all_wrong);
		return;
	}
	all = json_pack("{s:O, s:I, s:I, s:I}", "steps", v->steps, "lookups",
	    (json_int_t)v->all_lookups, "updates", (json_int_t)v->all_updates,
	    "wrong", (json_int_t)v->all_wrong);
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static bool
number(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || n < min || n > max)
		return false;
	*out = n;
	return true;
}

static bool
options(struct verify *v, int argc, char **argv)
{
	uint64_t groups = 512;
	bool good = true;
	int c;

	while ((c = getopt(argc, argv, "jg:k:s:u:")) != -1) {
		if (c == 'j')
			v->json = true;
		else if (c == 'g')
			good &=
			    number(optarg, 1, LPM_FILE_GROUPS_MAX - 1, &groups);
		else if (c == 'k')
			good &= number(optarg, 0, UINT32_MAX, &v->keys);
		else if (c == 's')
			good &= number(optarg, 0, UINT64_MAX, &v->seed);
		else if (c == 'u')
			good &= number(optarg, 0, UINT32_MAX, &v->updates);
		else
			good = false;
	}
	v->hops.made_up = (uint32_t)groups;
	v->bar = !v->json && isatty(STDERR_FILENO) != 0;
	return good && optind < argc;
}

static int
read_files(struct verify *v, char **paths, int n)
{
	struct tablefile_error e;
	char text[512];

	v->files = calloc((size_t)n, sizeof(v->files[0]));
	v->hops.by_address = lpm_oracle_create(128);
	v->steps = json_array();
	if (v->files == NULL || v->hops.by_address == NULL)
		return -ENOMEM;
	for (; v->nfiles < n; v->nfiles++) {
		struct lpm_file *f = &v->files[v->nfiles];
		int rc = lpm_file_read(paths[v->nfiles], &v->hops, f, &e);

		if (rc != 0) {
			tablefile_error_show(
			    &e, paths[v->nfiles], text, sizeof(text));
			fprintf(stderr, "%s\n", text);
			return rc;
		}
		if (!v->json)
			printf("%s: %s, %zu of IPv4, %zu of IPv6\n", f->path,
			    f->format, f->of[0], f->of[1]);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct verify v = {.updates = 1000000, .keys = 1000000, .seed = 1};
	int status = NOT_RUN, rc;

	if (!options(&v, argc, argv)) {
		fputs(usage_text, stderr);
		return NOT_RUN;
	}
	rc = read_files(&v, argv + optind, argc - optind);
	if (rc == 0) {
		rc = verify_family(&v, 32);
		if (rc == 0)
			rc = verify_family(&v, 128);
		verdict(&v);
		if (v.all_lookups == 0)
			fputs("there was nothing to look up\n", stderr);
		else
			status =
			    v.all_wrong == 0 && rc == 0 ? AGREED : DIFFERED;
	}
	for (int i = 0; i < v.nfiles; i++)
		lpm_file_fini(&v.files[i]);
	free(v.files);
	lpm_oracle_destroy(v.hops.by_address);
	json_decref(v.steps);
	return status;
}
