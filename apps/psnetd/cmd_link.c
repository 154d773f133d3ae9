/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"

static json_t *
counters(const struct netif *nif, unsigned int worker)
{
	uint64_t drops = 0;

	for (unsigned int r = 0; r < DROP_REASON_COUNT; r++)
		drops += netif_counter_read(nif, worker, NETIF_DROPS + r);
	return json_pack("{s:{s:I, s:I}, s:{s:I, s:I}, s:I}", "rx", "bytes",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_RX_BYTES),
	    "packets",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_RX_PACKETS), "tx",
	    "bytes",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_TX_BYTES),
	    "packets",
	    (json_int_t)netif_counter_read(nif, worker, NETIF_TX_PACKETS),
	    "dropped", (json_int_t)drops);
}

/* The counters of all workers, and of each. */
static void
add_counters(json_t *o, const struct netif *nif)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < stack_nworkers(nif->stack); i++)
		json_array_append_new(list, counters(nif, i));
	json_object_set_new(o, "stats", counters(nif, UINT_MAX));
	json_object_set_new(o, "worker_stats", list);
}

/* Interfaces, all or the one called dev, each by show. */
static int
show_links(struct psnetd_request *r, json_t *(*show)(const struct netif *nif))
{
	static const char *const keys[] = {"dev", "stats", NULL};
	char dev[WORDS_NAME_MAX] = "";
	bool stats = false;
	json_t *list;
	uint64_t s;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_name(r->args, "dev", false, dev, &r->e) != 0 ||
	    psnetd_args_bool(r->args, "stats", &stats, &r->e) != 0)
		return -EINVAL;
	list = json_array();
	s = pserialize_read_enter();
	for (struct netif *nif = netif_first(r->d->st); nif != NULL;
	     nif = netif_next(r->d->st, nif)) {
		json_t *o;

		if (dev[0] != '\0' && strcmp(dev, nif->name) != 0)
			continue;
		o = show(nif);
		if (stats)
			add_counters(o, nif);
		json_array_append_new(list, o);
	}
	pserialize_read_exit(s);
	if (dev[0] != '\0' && json_array_size(list) == 0) {
		json_decref(list);
		words_fail(&r->e, dev, "there is no such interface");
		return -ENODEV;
	}
	r->result = list;
	return 0;
}

int
psnetd_cmd_link_show(struct psnetd_request *r)
{
	return show_links(r, psnetd_show_link);
}

/* ACD's verdicts, which only the workers know: asked for in no section. */
static void
add_claims(struct stack *st, json_t *link)
{
	const netif_id id =
	    (netif_id)json_integer_value(json_object_get(link, "id"));
	json_t *addr, *list = json_object_get(link, "addr_info");
	uint32_t word;
	size_t i;

	json_array_foreach(list, i, addr)
	{
		if (inet_pton(AF_INET,
			json_string_value(json_object_get(addr, "local")),
			&word) == 1)
			psnetd_show_claim(addr, arp_claim(st, id, word));
	}
}

int
psnetd_cmd_addr_show(struct psnetd_request *r)
{
	const int error = show_links(r, psnetd_show_addrs);
	json_t *link;
	size_t i;

	if (error != 0)
		return error;
	json_array_foreach(r->result, i, link) add_claims(r->d->st, link);
	return 0;
}

int
psnetd_cmd_link_add(struct psnetd_request *r)
{
	struct spec_link l;
	int rc = psnetd_args_link(r->args, true, &l, &r->e);

	return rc != 0 ? rc : psnetd_ops_link_add(r->d->st, &l, &r->e);
}

int
psnetd_cmd_link_set(struct psnetd_request *r)
{
	struct spec_link l;
	int rc = psnetd_args_link(r->args, false, &l, &r->e);

	return rc != 0 ? rc : psnetd_ops_link_set(r->d->st, &l, &r->e);
}

int
psnetd_cmd_link_del(struct psnetd_request *r)
{
	static const char *const keys[] = {"dev", NULL};
	char dev[WORDS_NAME_MAX];

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_name(r->args, "dev", true, dev, &r->e) != 0)
		return -EINVAL;
	return psnetd_ops_link_del(r->d->st, dev, &r->e);
}

int
psnetd_cmd_addr_add(struct psnetd_request *r)
{
	struct spec_addr a;
	int rc = psnetd_args_addr(r->args, &a, &r->e);

	return rc != 0 ? rc : psnetd_ops_addr_add(r->d->st, &a, &r->e);
}

int
psnetd_cmd_addr_del(struct psnetd_request *r)
{
	struct spec_addr a;
	int rc = psnetd_args_addr(r->args, &a, &r->e);

	return rc != 0 ? rc : psnetd_ops_addr_del(r->d->st, &a, &r->e);
}
