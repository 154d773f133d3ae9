/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"

/* The interfaces that a request is about: one by name, or all. */
struct devs {
	netif_id *ids;
	size_t n, room;
};

static int
all_devs(struct stack *st, struct devs *d)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif;
	int rc = 0;

	for (struct netif *i = netif_first(st); i != NULL && rc == 0;
	     i = netif_next(st, i)) {
		nif = i;
		rc = array_reserve(&d->ids, &d->room, d->n, sizeof(*d->ids));
		if (rc == 0)
			d->ids[d->n++] = nif->id;
	}
	pserialize_read_exit(s);
	return rc;
}

static int
select_devs(struct psnetd_request *r, struct devs *d)
{
	char dev[WORDS_NAME_MAX] = "";
	int rc;

	if (psnetd_args_name(r->args, "dev", false, dev, &r->e) != 0)
		return -EINVAL;
	if (dev[0] == '\0')
		return all_devs(r->d->st, d);
	rc = array_reserve(&d->ids, &d->room, d->n, sizeof(*d->ids));
	if (rc != 0)
		return rc;
	rc = psnetd_ops_dev(r->d->st, dev, &d->ids[0], &r->e);
	if (rc == 0)
		d->n = 1;
	return rc;
}

struct show {
	struct stack *st;
	uint32_t prefix, mask; /* network byte order */
	json_t *list;
	int stats;
};

static int
show_one(void *arg, const struct nexthop_entry *n)
{
	struct show *s = arg;
	char dev[WORDS_NAME_MAX];
	uint32_t addr;

	memcpy(&addr, n->addr, sizeof(addr));
	if ((addr & s->mask) != s->prefix)
		return 0;
	psnetd_ops_name(s->st, n->netif, dev);
	return json_array_append_new(
		   s->list, psnetd_show_neigh(n, dev, s->stats)) == 0
		   ? 0
		   : -ENOMEM;
}

int
psnetd_cmd_neigh_show(struct psnetd_request *r)
{
	static const char *const keys[] = {"dev", "dst", "stats", NULL};
	struct show s = {.st = r->d->st};
	struct devs d = {.n = 0};
	const char *dst = "default";
	bool stats = false;
	unsigned int plen;
	int rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "dst", false, &dst, &r->e) != 0 ||
	    words_prefix(dst, &s.prefix, &plen, &r->e) != 0 ||
	    psnetd_args_bool(r->args, "stats", &stats, &r->e) != 0)
		return -EINVAL;
	s.mask = words_mask(plen);
	rc = select_devs(r, &d);
	s.list = json_array();
	s.stats = stats;
	for (size_t i = 0; i < d.n && rc == 0; i++) {
		rc = nexthop_walk(s.st, d.ids[i], NETIF_AF_INET, show_one, &s);
		if (rc == -ENODEV || rc == -EAFNOSUPPORT)
			rc = 0;
	}
	free(d.ids);
	if (rc != 0)
		json_decref(s.list);
	else
		r->result = s.list;
	return rc;
}

static int
edit(struct psnetd_request *r, bool replace)
{
	struct spec_neigh n;
	int rc = psnetd_args_neigh(r->args, true, &n, &r->e);

	return rc != 0 ? rc
		       : psnetd_ops_neigh_add(r->d->st, &n, replace, &r->e);
}

int
psnetd_cmd_neigh_add(struct psnetd_request *r)
{
	return edit(r, false);
}

int
psnetd_cmd_neigh_replace(struct psnetd_request *r)
{
	return edit(r, true);
}

int
psnetd_cmd_neigh_del(struct psnetd_request *r)
{
	struct spec_neigh n;
	int rc = psnetd_args_neigh(r->args, false, &n, &r->e);

	return rc != 0 ? rc : psnetd_ops_neigh_del(r->d->st, &n, &r->e);
}

int
psnetd_cmd_neigh_flush(struct psnetd_request *r)
{
	static const char *const keys[] = {"dev", "dst", "permanent", NULL};
	struct devs d = {.n = 0};
	const char *dst = "default";
	bool permanent = false;
	unsigned int plen;
	uint8_t bytes[16] = {0};
	uint32_t prefix;
	int removed = 0, rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "dst", false, &dst, &r->e) != 0 ||
	    words_prefix(dst, &prefix, &plen, &r->e) != 0 ||
	    psnetd_args_bool(r->args, "permanent", &permanent, &r->e) != 0)
		return -EINVAL;
	memcpy(bytes, &prefix, sizeof(prefix));
	rc = select_devs(r, &d);
	for (size_t i = 0; i < d.n && rc == 0; i++) {
		const int n = nexthop_flush(
		    r->d->st, d.ids[i], NETIF_AF_INET, bytes, plen, permanent);

		removed += n > 0 ? n : 0;
	}
	free(d.ids);
	if (rc == 0)
		r->result = json_pack("{s:i}", "removed", removed);
	return rc;
}

/* A bound or time of a table; the names that ip-ntable(8) has are its own. */
static const struct param {
	const char *name;
	size_t offset; /* in struct nexthop_params */
	bool time;     /* uint64_t ns, said in ms; else unsigned int */
} params[] = {
    {"thresh3", offsetof(struct nexthop_params, max_entries), false},
    {"incomplete", offsetof(struct nexthop_params, max_incomplete), false},
    {"source", offsetof(struct nexthop_params, max_source), false},
    {"held", offsetof(struct nexthop_params, max_held), false},
    {"rate", offsetof(struct nexthop_params, solicit_rate), false},
    {"mcast_probes", offsetof(struct nexthop_params, max_solicits), false},
    {"ucast_probes", offsetof(struct nexthop_params, max_probes), false},
    {"retrans", offsetof(struct nexthop_params, solicit_interval), true},
    {"base_reachable", offsetof(struct nexthop_params, reachable_time), true},
    {"gc_stale", offsetof(struct nexthop_params, stale_time), true},
    {"failed", offsetof(struct nexthop_params, failed_time), true},
};

#define NPARAMS (sizeof(params) / sizeof(params[0]))
#define MS      UINT64_C(1000000)

static json_t *
param_get(const struct param *k, const struct nexthop_params *p)
{
	const char *at = (const char *)p + k->offset;
	unsigned int n;
	uint64_t ns;

	if (k->time) {
		memcpy(&ns, at, sizeof(ns));
		return json_integer((json_int_t)(ns / MS));
	}
	memcpy(&n, at, sizeof(n));
	return json_integer((json_int_t)n);
}

static void
param_set(const struct param *k, struct nexthop_params *p, uint32_t value)
{
	char *at = (char *)p + k->offset;
	const uint64_t ns = value * MS;
	const unsigned int n = value;

	if (k->time)
		memcpy(at, &ns, sizeof(ns));
	else
		memcpy(at, &n, sizeof(n));
}

static json_t *
show_counters(const struct nexthop_counters *c)
{
	json_t *o = json_object();

#define X(field, name) \
	json_object_set_new(o, name, json_integer((json_int_t)c->field));
	NEXTHOP_COUNTERS(X)
#undef X
	return o;
}

static json_t *
show_table(const struct nexthop_table_info *i, const char *dev, bool stats)
{
	json_t *o = json_object(), *states = json_object(),
	       *values = json_object();

	for (int n = 0; n < NEXTHOP_STATE_COUNT; n++)
		json_object_set_new(states,
		    nexthop_state_name((enum nexthop_state)n),
		    json_integer((json_int_t)i->count[n]));
	for (size_t n = 0; n < NPARAMS; n++)
		json_object_set_new(
		    values, params[n].name, param_get(&params[n], &i->params));
	json_object_set_new(o, "family", json_string("inet"));
	json_object_set_new(o, "dev", json_string(dev));
	json_object_set_new(o, "entries", json_integer((json_int_t)i->entries));
	json_object_set_new(o, "waiting", json_integer((json_int_t)i->held));
	json_object_set_new(o, "states", states);
	json_object_set_new(o, "params", values);
	if (stats)
		json_object_set_new(o, "counters", show_counters(&i->counters));
	return o;
}

int
psnetd_cmd_ntable_show(struct psnetd_request *r)
{
	static const char *const keys[] = {"dev", "stats", NULL};
	struct nexthop_table_info info;
	char dev[WORDS_NAME_MAX];
	struct devs d = {.n = 0};
	json_t *list;
	bool stats = false;
	int rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_bool(r->args, "stats", &stats, &r->e) != 0)
		return -EINVAL;
	rc = select_devs(r, &d);
	list = json_array();
	for (size_t i = 0; i < d.n && rc == 0; i++) {
		/* Who has no neighbours has no table. */
		if (nexthop_table_show(
			r->d->st, d.ids[i], NETIF_AF_INET, &info) != 0)
			continue;
		psnetd_ops_name(r->d->st, d.ids[i], dev);
		json_array_append_new(list, show_table(&info, dev, stats));
	}
	free(d.ids);
	if (rc != 0)
		json_decref(list);
	else
		r->result = list;
	return rc;
}

/* Put the values that the request has into *p. */
static int
take_params(struct psnetd_request *r, struct nexthop_params *p)
{
	const char *keys[NPARAMS + 2];
	uint32_t value;

	keys[0] = "dev";
	for (size_t i = 0; i < NPARAMS; i++)
		keys[i + 1] = params[i].name;
	keys[NPARAMS + 1] = NULL;
	if (psnetd_args_known(r->args, keys, &r->e) != 0)
		return -EINVAL;
	for (size_t i = 0; i < NPARAMS; i++) {
		if (json_object_get(r->args, params[i].name) == NULL)
			continue;
		if (psnetd_args_u32(r->args, params[i].name, 1, INT32_MAX,
			&value, &r->e) != 0)
			return -EINVAL;
		param_set(&params[i], p, value);
	}
	return 0;
}

int
psnetd_cmd_ntable_change(struct psnetd_request *r)
{
	struct nexthop_table_info info;
	char dev[WORDS_NAME_MAX];
	netif_id id;
	int rc;

	if (psnetd_args_name(r->args, "dev", true, dev, &r->e) != 0)
		return -EINVAL;
	rc = psnetd_ops_dev(r->d->st, dev, &id, &r->e);
	if (rc != 0)
		return rc;
	rc = nexthop_table_show(r->d->st, id, NETIF_AF_INET, &info);
	if (rc != 0) {
		words_fail(&r->e, dev, "the interface has no neighbours");
		return rc;
	}
	rc = take_params(r, &info.params);
	if (rc == 0) {
		rc = nexthop_table_set(
		    r->d->st, id, NETIF_AF_INET, &info.params);
		if (rc == -ENOSPC)
			words_fail(&r->e, "thresh3",
			    "the table was made for %u entries", info.room);
		else if (rc != 0)
			words_fail(&r->e, dev, "a value is out of range");
	}
	return rc;
}
