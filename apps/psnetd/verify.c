/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps/array.h"
#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "stack/core/stack.h"
#include "stack/proto/ipv4/ipv4.h"
#include "stack/route/verify.h"

#define TOLD  10    /* differences that are described */
#define COUNT 10000 /* random addresses of a table */

struct psnetd_verify {
	struct psnetd *d;
	struct psnetd_client *client; /* NULL: it is gone */
	struct route_table **tables;
	size_t n, room, at;
	struct route_table *like; /* NULL: each like itself */
	struct route_verify *now; /* of the table at, or NULL */
	uint32_t count;
	struct route_verify_result sum; /* of the tables before */
	json_t *told;
	uint64_t started; /* ns */
	unsigned int percent;
};

static void
destroy(struct psnetd_verify *v)
{
	v->d->verify = NULL;
	route_verify_destroy(v->now);
	json_decref(v->told);
	free((void *)v->tables);
	free(v);
}

static void
add(struct route_verify_result *sum, const struct route_verify_result *r)
{
	sum->prefixes += r->prefixes;
	sum->addresses += r->addresses;
	sum->compiled += r->compiled;
	sum->differences += r->differences;
	sum->rib += r->rib;
	sum->fib += r->fib;
	sum->batch += r->batch;
	sum->hops += r->hops;
}

/* Answer the client, if it still is there. */
static void
finish(struct psnetd_verify *v, int rc)
{
	const struct route_verify_result *r = &v->sum;
	const uint64_t ms = (stack_clock(v->d->st) - v->started) / 1000000;
	struct psnetd_client *c = v->client;
	struct psnetd *d = v->d;
	struct words_error e = {.word = ""};

	if (c != NULL) {
		c->verify = NULL;
		if (rc != 0)
			psnetd_client_fail(c, c->long_id, rc, &e, 0);
		else
			psnetd_client_reply(c, c->long_id,
			    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
				      "s:I, s:I, s:I, s:O}",
				"tables", (json_int_t)v->n, "prefixes",
				(json_int_t)r->prefixes, "addresses",
				(json_int_t)r->addresses, "compiled",
				(json_int_t)r->compiled, "differences",
				(json_int_t)r->differences, "rib",
				(json_int_t)r->rib, "fib", (json_int_t)r->fib,
				"batch", (json_int_t)r->batch, "hops",
				(json_int_t)r->hops, "ms", (json_int_t)ms,
				"first", v->told));
	}
	destroy(v);
	if (c != NULL)
		psnetd_client_continue(c);
	psnetd_client_resume(d);
}

/* What one of them answered: the route, with its prefix if that is known. */
static json_t *
show_answer(struct stack *st, const struct route_verify_diff *d,
    const struct route *r, unsigned int plen)
{
	struct route_entry e = {.plen = (uint8_t)plen, .route = r};
	struct spec_route s;
	uint32_t addr;
	json_t *o;

	if (r == NULL)
		return json_null();
	memcpy(&addr, d->addr, sizeof(addr));
	addr &= words_mask(plen);
	memcpy(e.key, &addr, sizeof(addr));
	if (psnetd_ops_describe(st, &e, &s) != 0)
		return json_null();
	s.table = 0;
	o = psnetd_show_route(&s);
	spec_route_fini(&s);
	return o;
}

static void
tell(void *arg, const struct route_verify_diff *d)
{
	struct psnetd_verify *v = arg;
	struct stack *st = v->d->st;
	char text[WORDS_TEXT_MAX], table[WORDS_TEXT_MAX];
	uint32_t addr;
	json_t *o;

	if (json_array_size(v->told) >= TOLD)
		return;
	memcpy(&addr, d->addr, sizeof(addr));
	o = json_pack("{s:s, s:s, s:o, s:o}", "dst",
	    words_show_ipv4(addr, text), "table",
	    spec_table_name(route_table_number(v->tables[v->at]), table),
	    "sweep", show_answer(st, d, d->sweep, d->plen), "rib",
	    show_answer(st, d, d->rib, d->rib_plen));
	if (d->compiled) {
		json_object_set_new(o, "fib", show_answer(st, d, d->fib, 32));
		json_object_set_new(
		    o, "batch", show_answer(st, d, d->batch, 32));
	}
	if (!d->hops)
		json_object_set_new(o, "hops", json_false());
	json_array_append_new(v->told, o);
}

/* At most once per percent of the prefixes that there were. */
static void
progress(struct psnetd_verify *v)
{
	uint64_t done = v->sum.prefixes, total = 0;
	unsigned int percent;

	for (size_t i = 0; i < v->n; i++)
		total += route_table_count(v->tables[i]);
	if (v->now != NULL)
		done += route_verify_result(v->now)->prefixes;
	total = done > total ? done : total;
	percent = total > 0 ? (unsigned int)(done * 100 / total) : 100;
	if (percent == v->percent)
		return;
	v->percent = percent;
	psnetd_client_send(
	    v->client, json_pack("{s:i, s:I, s:{s:s, s:I, s:I}}", "v",
			   PSNETD_CLIENT_VERSION, "id", v->client->long_id,
			   "progress", "phase", "verify", "done",
			   (json_int_t)done, "total", (json_int_t)total));
	if (v->client != NULL)
		psnetd_client_continue(v->client);
}

static int
begin_table(struct psnetd_verify *v)
{
	const struct route_verify_config cfg = {.table = v->tables[v->at],
	    .like = v->like,
	    .random = v->count,
	    .seed = v->started + v->at,
	    .differs = tell,
	    .arg = v};

	return route_verify_create(&cfg, &v->now);
}

void
psnetd_verify_step(struct psnetd *d)
{
	struct psnetd_verify *v = d->verify;
	int rc = v->client == NULL ? -ECANCELED : 0;

	if (rc == 0 && v->now == NULL)
		rc = begin_table(v);
	if (rc != 0) {
		finish(v, rc);
		return;
	}
	if (!route_verify_step(v->now)) {
		add(&v->sum, route_verify_result(v->now));
		route_verify_destroy(v->now);
		v->now = NULL;
		v->at++;
	}
	if (v->at == v->n)
		finish(v, 0);
	else
		progress(v);
}

void
psnetd_verify_orphan(struct psnetd_verify *v)
{
	v->client = NULL;
}

void
psnetd_verify_cancel(struct psnetd *d)
{
	if (d->verify == NULL)
		return;
	if (d->verify->client != NULL)
		d->verify->client->verify = NULL;
	destroy(d->verify);
}

static int
list_table(void *arg, struct route_table *t)
{
	struct psnetd_verify *v = arg;
	int rc = array_reserve(
	    (void *)&v->tables, &v->room, v->n, sizeof(v->tables[0]));

	if (rc == 0)
		v->tables[v->n++] = t;
	return rc;
}

/* A table by its name, which must be there. */
static int
find_table(struct psnetd_request *r, const char *name, struct route_table **out)
{
	uint32_t number;

	if (spec_table_parse(name, &number, &r->e) != 0)
		return -EINVAL;
	*out = route_tables_find(ipv4_tables(r->d->st), number);
	if (*out != NULL)
		return 0;
	words_fail(&r->e, name, "there is no such table");
	return -ENOENT;
}

static int
parse(struct psnetd_request *r, struct psnetd_verify *v)
{
	static const char *const keys[] = {"table", "like", "count", NULL};
	const char *table = "all", *like = NULL;
	struct route_table *t;
	int rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "table", false, &table, &r->e) != 0 ||
	    psnetd_args_string(r->args, "like", false, &like, &r->e) != 0 ||
	    psnetd_args_u32(
		r->args, "count", 0, UINT32_MAX, &v->count, &r->e) != 0)
		return -EINVAL;
	if (like != NULL) {
		rc = find_table(r, like, &v->like);
		if (rc != 0)
			return rc;
	}
	if (strcmp(table, "all") == 0)
		return route_tables_walk(ipv4_tables(r->d->st), list_table, v);
	rc = find_table(r, table, &t);
	return rc != 0 ? rc : list_table(v, t);
}

int
psnetd_cmd_route_verify(struct psnetd_request *r)
{
	struct psnetd_verify *v;
	int rc;

	if (r->d->verify != NULL)
		return -EINPROGRESS;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	v->d = r->d;
	v->count = COUNT;
	v->percent = UINT32_MAX;
	v->told = json_array();
	v->started = stack_clock(r->d->st);
	rc = parse(r, v);
	if (rc != 0) {
		destroy(v);
		return rc;
	}
	v->client = r->c;
	r->c->verify = v;
	r->c->long_id = r->id;
	r->d->verify = v;
	r->later = true;
	return 0;
}
