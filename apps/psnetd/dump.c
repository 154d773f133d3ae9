/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A route is kept as HEAD_WORDS 32-bit words and HOP_WORDS for each next hop,
 * so that a million routes take 32 MB, not the hundreds that JSON would.
 */

#include "apps/psnetd/dump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "apps/psnetd/client.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "stack/proto/ipv4/ipv4.h"
#include "stack/route/table.h"

#define HEAD_WORDS 8
#define HOP_WORDS  3
#define PIECE      256 /* routes of one message */

struct psnetd_dump {
	uint32_t *words;
	size_t n, room, at;
	const struct psnetd_dump_filter *filter;
};

static bool
has_hop(const struct psnetd_dump_filter *f, const struct route *r)
{
	if (f->nhid != 0 && f->nhid != r->nhid)
		return false;
	if (f->via == 0 && f->dev == 0)
		return true;
	if (r->nhid != 0)
		return idset_has(&f->behind, r->nhid);
	for (unsigned int i = 0; i < r->nnexthops; i++) {
		const struct route_nexthop *nh = &r->nexthops[i];

		if ((f->dev == 0 || nh->netif == f->dev) &&
		    (f->via == 0 || memcmp(nh->gateway, &f->via, 4) == 0))
			return true;
	}
	return false;
}

static bool
in_scope(const struct psnetd_dump_filter *f, const struct route_entry *e)
{
	uint32_t key;

	memcpy(&key, e->key, sizeof(key));
	switch (f->scope) {
	case PSNETD_DUMP_ALL:
		return true;
	case PSNETD_DUMP_EXACT:
		return key == f->prefix && e->plen == f->plen;
	case PSNETD_DUMP_ROOT:
		return e->plen >= f->plen &&
		       ((key ^ f->prefix) & words_mask(f->plen)) == 0;
	case PSNETD_DUMP_MATCH:
		return e->plen <= f->plen &&
		       ((key ^ f->prefix) & words_mask(e->plen)) == 0;
	}
	return false;
}

bool
psnetd_dump_match(
    const struct psnetd_dump_filter *f, const struct route_entry *e)
{
	const struct route *r = e->route;

	if (!f->every &&
	    e->table != (f->table != 0 ? f->table : ROUTE_TABLES_MAIN))
		return false;
	if (f->main_only &&
	    (r->type == ROUTE_LOCAL || r->type == ROUTE_BROADCAST))
		return false;
	return (f->type == 0 || r->type == f->type) &&
	       (f->protocol == 0 || r->protocol == f->protocol) &&
	       has_hop(f, r) && in_scope(f, e);
}

static int
put(struct psnetd_dump *dump, uint32_t word)
{
	int rc =
	    array_reserve(&dump->words, &dump->room, dump->n, sizeof(word));

	if (rc == 0)
		dump->words[dump->n++] = word;
	return rc;
}

static uint32_t
load(const uint8_t *bytes)
{
	uint32_t v;

	memcpy(&v, bytes, sizeof(v));
	return v;
}

static int
keep(void *arg, const struct route_entry *e)
{
	const struct route *r = e->route;
	struct psnetd_dump *dump = arg;

	if (!psnetd_dump_match(dump->filter, e))
		return 0;
	if (put(dump, load(e->key)) != 0 ||
	    put(dump, (uint32_t)e->plen | (uint32_t)r->type << 8 |
			  (uint32_t)r->protocol << 16 |
			  (uint32_t)r->nnexthops << 24) != 0 ||
	    put(dump, r->metric) != 0 ||
	    put(dump, r->has_prefsrc ? load(r->prefsrc) : 0) != 0 ||
	    put(dump, (uint32_t)r->distance | (uint32_t)(e->rank > 0) << 8) !=
		0 ||
	    put(dump, e->table == ROUTE_TABLES_MAIN ? 0 : e->table) != 0 ||
	    put(dump, r->table) != 0 || put(dump, r->nhid) != 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < r->nnexthops; i++) {
		const struct route_nexthop *nh = &r->nexthops[i];

		if (put(dump, nh->has_gateway ? load(nh->gateway) : 0) != 0 ||
		    put(dump, nh->netif) != 0 ||
		    put(dump, (uint32_t)nh->weight | (uint32_t)nh->recursive
							 << 16) != 0)
			return -ENOMEM;
	}
	return 0;
}

static int
keep_table(void *arg, struct route_table *t)
{
	const struct psnetd_dump *dump = arg;
	const struct psnetd_dump_filter *f = dump->filter;
	const uint32_t number = f->table != 0 ? f->table : ROUTE_TABLES_MAIN;

	if (!f->every && route_table_number(t) != number)
		return 0;
	return route_table_walk(t, keep, arg);
}

int
psnetd_dump_create(struct stack *st, const struct psnetd_dump_filter *f,
    struct psnetd_dump **out)
{
	struct psnetd_dump *dump = calloc(1, sizeof(*dump));
	int rc;

	if (dump == NULL)
		return -ENOMEM;
	dump->filter = f;
	rc = route_tables_walk(ipv4_tables(st), keep_table, dump);
	dump->filter = NULL;
	if (rc != 0)
		psnetd_dump_destroy(dump);
	else
		*out = dump;
	return rc;
}

void
psnetd_dump_destroy(struct psnetd_dump *dump)
{
	if (dump == NULL)
		return;
	free(dump->words);
	free(dump);
}

static json_t *
take(struct psnetd_dump *dump, struct stack *st)
{
	const uint32_t *w = dump->words + dump->at;
	struct spec_nexthop hops[SPEC_NEXTHOPS_MAX];
	struct spec_route r = {.prefix = w[0],
	    .plen = w[1] & 0xff,
	    .type = w[1] >> 8 & 0xff,
	    .protocol = w[1] >> 16 & 0xff,
	    .nnexthops = w[1] >> 24,
	    .metric = w[2],
	    .src = w[3],
	    .distance = w[4] & 0xff,
	    .has_distance = true,
	    .waiting = w[4] >> 8 != 0,
	    .table = w[5],
	    .lookup = w[6],
	    .nhid = w[7],
	    .nexthops = hops};

	w += HEAD_WORDS;
	for (unsigned int i = 0; i < r.nnexthops; i++, w += HOP_WORDS) {
		hops[i] = (struct spec_nexthop){.via = w[0],
		    .weight = (uint16_t)w[2],
		    .recursive = w[2] >> 16 != 0};
		psnetd_ops_name(st, w[1], hops[i].dev);
	}
	dump->at = (size_t)(w - dump->words);
	return psnetd_show_route_of(st, &r);
}

void
psnetd_dump_more(struct psnetd_client *c)
{
	struct psnetd_dump *dump = c->dump;
	json_t *list = json_array();

	for (unsigned int i = 0; i < PIECE && dump->at < dump->n; i++)
		json_array_append_new(list, take(dump, c->d->st));
	if (dump->at < dump->n) {
		psnetd_client_send(
		    c, json_pack("{s:i, s:I, s:b, s:o}", "v",
			   PSNETD_CLIENT_VERSION, "id", c->long_id, "more", 1,
			   "result", list));
		return;
	}
	c->dump = NULL;
	psnetd_dump_destroy(dump);
	psnetd_client_reply(c, c->long_id, list);
}
