/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <string.h>

#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/core/worker.h"
#include "stack/proto/ipv4/ipv4.h"
#include "stack/route/arena.h"
#include "stack/route/fib.h"
#include "stack/route/table.h"
#include "stack/route/tables.h"

static json_t *
worker_counters(struct stack *st, unsigned int id)
{
	json_t *o = json_pack("{s:i}", "worker", (int)id);

	for (unsigned int c = 0; c < WORKER_COUNTER_COUNT; c++)
		json_object_set_new(o,
		    worker_counter_name((enum worker_counter)c),
		    json_integer((json_int_t)worker_counter_read(
			st, id, (enum worker_counter)c)));
	return o;
}

static json_t *
flow_counters(struct stack *st, unsigned int id)
{
	json_t *o = json_pack("{s:i}", "worker", (int)id);

	for (unsigned int c = 0; c < ROUTE_FLOWCACHE_COUNTERS; c++)
		json_object_set_new(o,
		    route_flowcache_counter_name(
			(enum route_flowcache_counter)c),
		    json_integer((json_int_t)ipv4_flowcache_counter_read(
			st, id, (enum route_flowcache_counter)c)));
	return o;
}

static json_t *
interface_counters(const struct netif *nif, unsigned int worker)
{
	uint64_t drops = 0;

	for (unsigned int r = 0; r < DROP_REASON_COUNT; r++)
		drops += netif_counter_read(nif, worker, NETIF_DROPS + r);
	return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I}", "ifname",
	    nif->name, "worker", (int)worker, "rx_packets",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_RX_PACKETS),
	    "rx_bytes",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_RX_BYTES),
	    "tx_packets",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_TX_PACKETS),
	    "tx_bytes",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_TX_BYTES),
	    "dropped", (json_int_t)drops);
}

/* With what its compiled form takes, if it has one. */
static int
add_table(void *arg, struct route_table *t)
{
	char text[WORDS_TEXT_MAX];
	struct fib_stats fib;
	json_t *list = arg, *o;

	o = json_pack("{s:s, s:I, s:b}", "table",
	    spec_table_name(route_table_number(t), text), "routes",
	    (json_int_t)route_table_count(t), "compiled",
	    route_table_fib_stats(t, &fib));
	if (json_is_true(json_object_get(o, "compiled")))
		json_object_set_new(o, "fib",
		    json_pack("{s:I, s:I, s:I, s:I}", "direct",
			(json_int_t)fib.direct_bytes, "blocks",
			(json_int_t)fib.block_bytes, "ids",
			(json_int_t)fib.id_bytes, "other",
			(json_int_t)fib.other_bytes));
	json_array_append_new(list, o);
	return 0;
}

static json_t *
arena_stats(const struct route_tables *ts)
{
	struct route_arena_stats a;

	if (!route_tables_arena_stats(ts, &a))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "used", (json_int_t)a.used,
	    "free", (json_int_t)a.free, "waiting", (json_int_t)a.waiting,
	    "mapped", (json_int_t)a.mapped);
}

/* All routing tables, in o. */
static int
add_tables(const struct psnetd *d, json_t *o)
{
	struct route_tables *ts = ipv4_tables(d->st);
	json_t *list = json_array();
	bool entered;
	int rc;

	entered = psnetd_ops_control_enter(d->st);
	rc = route_tables_walk(ts, add_table, list);
	json_object_set_new(o, "tables", list);
	json_object_set_new(o, "arena", arena_stats(ts));
	psnetd_ops_control_exit(d->st, entered);
	return rc;
}

int
psnetd_cmd_stats_show(struct psnetd_request *r)
{
	struct stack *st = r->d->st;
	json_t *workers = json_array(), *links = json_array();
	json_t *flows = json_array();
	uint64_t s;

	if (psnetd_args_known(r->args, (const char *[]){NULL}, &r->e) != 0) {
		json_decref(workers);
		json_decref(links);
		json_decref(flows);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < stack_nworkers(st); i++) {
		json_array_append_new(workers, worker_counters(st, i));
		json_array_append_new(flows, flow_counters(st, i));
	}
	s = pserialize_read_enter();
	for (struct netif *nif = netif_first(st); nif != NULL;
	     nif = netif_next(st, nif)) {
		for (unsigned int i = 0; i < stack_nworkers(st); i++)
			json_array_append_new(
			    links, interface_counters(nif, i));
	}
	pserialize_read_exit(s);
	r->result = json_pack("{s:I, s:I, s:o, s:o, s:o}", "time_ns",
	    (json_int_t)stack_clock(st), "routes",
	    (json_int_t)route_table_count(ipv4_routes(st)), "workers", workers,
	    "flows", flows, "interfaces", links);
	return add_tables(r->d, r->result);
}

static void
add_drop(json_t *list, const char *ifname, unsigned int worker,
    enum drop_reason reason, uint64_t n)
{
	json_t *o;

	if (n == 0)
		return;
	o = json_pack("{s:s?, s:i, s:s, s:I, s:s}", "ifname", ifname, "worker",
	    (int)worker, "reason", drop_reason_name(reason), "count",
	    (json_int_t)n, "text", drop_reason_text(reason));
	json_array_append_new(list, o);
}

static void
add_interface_drops(json_t *list, const struct netif *nif)
{
	for (unsigned int w = 0; w < stack_nworkers(nif->stack); w++) {
		for (unsigned int r = 0; r < DROP_REASON_COUNT; r++)
			add_drop(list, nif->name, w, (enum drop_reason)r,
			    netif_counter_read(nif, w, NETIF_DROPS + r));
	}
}

int
psnetd_cmd_drops_show(struct psnetd_request *r)
{
	static const char *const keys[] = {"dev", NULL};
	struct stack *st = r->d->st;
	char dev[WORDS_NAME_MAX] = "";
	netif_id id;
	json_t *list;
	uint64_t s;
	int rc = 0;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_name(r->args, "dev", false, dev, &r->e) != 0)
		return -EINVAL;
	if (dev[0] != '\0')
		rc = psnetd_ops_dev(st, dev, &id, &r->e);
	if (rc != 0)
		return rc;
	list = json_array();
	s = pserialize_read_enter();
	for (struct netif *nif = netif_first(st); nif != NULL;
	     nif = netif_next(st, nif)) {
		if (dev[0] == '\0' || strcmp(dev, nif->name) == 0)
			add_interface_drops(list, nif);
	}
	pserialize_read_exit(s);
	for (unsigned int w = 0; w < stack_nworkers(st) && dev[0] == '\0';
	     w++) {
		for (unsigned int i = 0; i < DROP_REASON_COUNT; i++)
			add_drop(list, NULL, w, (enum drop_reason)i,
			    netif_orphan_drops(st, w, (enum drop_reason)i));
	}
	r->result = list;
	return 0;
}

int
psnetd_cmd_option_show(struct psnetd_request *r)
{
	json_t *list;

	if (psnetd_args_known(r->args, (const char *[]){NULL}, &r->e) != 0)
		return -EINVAL;
	list = json_array();
	for (unsigned int i = 0; i < IPV4_OPT_COUNT; i++) {
		const enum ipv4_option opt = (enum ipv4_option)i;
		uint32_t value = 0;

		if (ipv4_option_get(r->d->st, opt, &value) == 0)
			json_array_append_new(
			    list, json_pack("{s:s, s:I}", "name",
				      ipv4_option_name(opt), "value",
				      (json_int_t)value));
	}
	r->result = list;
	return 0;
}

int
psnetd_cmd_option_set(struct psnetd_request *r)
{
	static const char *const keys[] = {"name", "value", NULL};
	enum ipv4_option opt;
	uint32_t value = 0;
	const char *name;
	int rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "name", true, &name, &r->e) != 0 ||
	    psnetd_args_u32(r->args, "value", 0, UINT32_MAX, &value, &r->e) !=
		0)
		return -EINVAL;
	if (json_object_get(r->args, "value") == NULL)
		return words_fail(&r->e, "value", "the field is missing");
	if (!config_option_find(name, &opt)) {
		words_fail(&r->e, name, "there is no such option");
		return -ENOENT;
	}
	rc = ipv4_option_set(r->d->st, opt, value);
	if (rc != 0)
		words_fail(&r->e, name, "the value %u is out of range",
		    (unsigned int)value);
	return rc;
}
