/* SPDX-License-Identifier: BSD-2-Clause */

/* The plug-ins, their state, and the switches. */

#include "stack/proto/ipv4/ipv4.h"

#include <errno.h>
#include <stdlib.h>

#include "libsync/base/assert.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/ipv4/ipv4_impl.h"

static const struct {
	const char *name;
	uint32_t initial, min, max;
} options[IPV4_OPT_COUNT] = {
    [IPV4_OPT_FORWARDING] = {"forwarding", 0, 0, 1},
    [IPV4_OPT_DEFAULT_TTL] = {"default-ttl", 64, 1, 255},
    [IPV4_OPT_DIRECTED_BROADCAST] = {"directed-broadcast", 0, 0, 1},
    [IPV4_OPT_SEND_REDIRECTS] = {"send-redirects", 0, 0, 1},
    [IPV4_OPT_ICMP_RATE] = {"icmp-rate", 1000, 0, 1000000},
    [IPV4_OPT_ICMP_DST_RATE] = {"icmp-destination-rate", 10, 0, 1000000},
    [IPV4_OPT_ICMP_ECHO_BROADCAST] = {"icmp-echo-broadcast", 0, 0, 1},
    [IPV4_OPT_ADDRESS_PROBE] = {"address-probe", 0, 0, 1},
    [IPV4_OPT_FLOW_CACHE] = {"flow-cache", ROUTE_FLOWCACHE_OFF,
	ROUTE_FLOWCACHE_OFF, ROUTE_FLOWCACHE_AUTO},
};

/* Another one in each stack; the same in each run of a stepped one. */
static uint32_t
seed_of(const struct stack *st)
{
	const uint64_t seed = stack_seed(st);
	const char *name = stack_name(st);
	uint32_t h = 2166136261U ^ (uint32_t)(seed ^ seed >> 32);

	while (*name != '\0')
		h = (h ^ (uint8_t)*name++) * 16777619U;
	return h;
}

static void
destroy(struct ipv4 *ip)
{
	unsigned int i;

	for (i = 0; i < ip->nworkers; i++) {
		if (ip->worker[i] == NULL)
			continue;
		if (ip->worker[i]->flows != NULL)
			route_flowcache_destroy(ip->worker[i]->flows);
		if (ip->worker[i]->reass != NULL)
			ipv4_reass_destroy(ip->worker[i]->reass);
		free(ip->worker[i]);
	}
	if (ip->tables != NULL) {
		(void)nexthop_family_set(ip->stack, NETIF_AF_INET, NULL, NULL);
		route_tables_destroy(ip->tables);
	}
	free(ip);
}

/* A line of its own for each worker: only it writes there. */
static int
create_worker(struct ipv4 *ip, unsigned int id)
{
	const size_t size =
	    SYNC_ROUNDUP(sizeof(struct ipv4_worker), SYNC_CACHELINE);
	const struct route_flowcache_config flows = {.seed = ip->seed};
	struct ipv4_worker *iw = aligned_alloc(SYNC_CACHELINE, size);
	int error;

	if (iw == NULL)
		return -ENOMEM;
	*iw =
	    (struct ipv4_worker){.marks = nexthop_group_marks(ip->groups, id)};
	ip->worker[id] = iw;
	error = ipv4_reass_create(&iw->reass);
	if (error != 0)
		return error;
	return route_flowcache_create(ip->tables, &flows, &iw->flows);
}

static struct nexthop_resolve_found
hops_lookup(void *arg, uint32_t table, const uint8_t *addr)
{
	const struct ipv4 *ip = arg;

	return route_tables_hops(ip->tables, table, addr);
}

/* Groups whose routes go. */
struct hops {
	const uint32_t *group;
	size_t n;
};

static int
hops_gone_from(void *arg, struct route_table *t)
{
	const struct hops *hops = arg;

	/* Without memory they stay, and lead nowhere. */
	(void)route_table_purge_hops(t, hops->group, hops->n);
	return 0;
}

static void
hops_gone(void *arg, const uint32_t *groups, size_t n)
{
	const struct ipv4 *ip = arg;
	struct hops hops = {groups, n};

	(void)route_tables_walk(ip->tables, hops_gone_from, &hops);
}

static const struct nexthop_family family = {
    .lookup = hops_lookup,
    .gone = hops_gone,
};

/* The tables, and what next hops ask of them. */
static int
create_tables(struct ipv4 *ip)
{
	int error = route_tables_create(ip->stack, NETIF_AF_INET, &ip->tables);

	if (error != 0)
		return error;
	ip->groups = nexthop_groups_of(ip->stack);
	return nexthop_family_set(ip->stack, NETIF_AF_INET, &family, ip);
}

static int
init(struct stack *st, void **state)
{
	const unsigned int n = stack_nworkers(st);
	struct ipv4 *ip;
	unsigned int i;
	int error;

	ip = calloc(1, sizeof(*ip) + n * sizeof(ip->worker[0]));
	if (ip == NULL)
		return -ENOMEM;
	ip->stack = st;
	ip->nworkers = n;
	ip->seed = seed_of(st);
	for (i = 0; i < IPV4_OPT_COUNT; i++)
		sync_init(&ip->option[i], options[i].initial);
	error = create_tables(ip);
	for (i = 0; i < n && error == 0; i++)
		error = create_worker(ip, i);
	if (error != 0) {
		destroy(ip);
		return error;
	}
	*state = ip;
	return 0;
}

struct flush {
	struct ipv4 *ip;
	netif_id id;
};

static int
flush_worker(struct worker *w, void *arg)
{
	const struct flush *f = arg;

	ipv4_reass_flush(f->ip->worker[w->id]->reass, w, f->id);
	return 0;
}

/* Forget what is half reassembled; id 0: everything. */
static void
flush(struct ipv4 *ip, netif_id id)
{
	struct flush f = {.ip = ip, .id = id};
	unsigned int i;

	for (i = 0; i < ip->nworkers; i++)
		(void)worker_call(stack_worker(ip->stack, i), flush_worker, &f);
}

static void
fini(void *state)
{
	struct ipv4 *ip = state;

	flush(ip, 0);
	destroy(ip);
}

static void
netif_event(void *state, struct netif *nif, enum netif_event event)
{
	struct ipv4 *ip = state;

	SYNC_REQUIRE(stack_control_held(ip->stack));
	if (event == NETIF_EVENT_DETACH) {
		ipv4_addr_detach(ip, nif);
		route_tables_forget(ip->tables, nif->id);
		flush(ip, nif->id);
	}
}

/* What goes by the next hops has its turn before us: have it come again. */
static void
housekeep(void *state)
{
	struct ipv4 *ip = state;

	if (route_tables_collect(ip->tables))
		stack_housekeep_ring(ip->stack);
}

const struct proto proto_ipv4 = {
    .name = "ipv4",
    .carrier = PROTO_CARRIER_ETHER,
    .number = ETHER_TYPE_IPV4,
    .init = init,
    .fini = fini,
    .input = ipv4_input,
    .netif_event = netif_event,
    .housekeep = housekeep,
};

/* The state is the stack: the order of the two plug-ins does not matter. */
static int
link_init(struct stack *st, void **state)
{
	*state = st;
	return 0;
}

static void
link_fini(void *state)
{
	(void)state;
}

static void
link_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct ipv4 *ip = ipv4_of(state);

	if (ip == NULL)
		pkt_drop_batch(w, in, in->pkt[0]->rx_if, DROP_NO_PROTO);
	else
		ipv4_input(ip, w, in);
}

const struct proto proto_ipv4_link = {
    .name = "ipv4-link",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_IP,
    .init = link_init,
    .fini = link_fini,
    .input = link_input,
};

struct ipv4 *
ipv4_of(struct stack *st)
{
	return proto_state(st, &proto_ipv4);
}

struct route_table *
ipv4_routes(struct stack *st)
{
	struct ipv4 *ip = ipv4_of(st);

	return ip != NULL ? route_tables_main(ip->tables) : NULL;
}

struct route_tables *
ipv4_tables(struct stack *st)
{
	struct ipv4 *ip = ipv4_of(st);

	return ip != NULL ? ip->tables : NULL;
}

uint64_t
ipv4_flowcache_counter_read(
    struct stack *st, unsigned int worker, enum route_flowcache_counter counter)
{
	const struct ipv4 *ip = ipv4_of(st);

	if (ip == NULL || worker >= ip->nworkers)
		return 0;
	return route_flowcache_counter_read(ip->worker[worker]->flows, counter);
}

bool
ipv4_option_valid(enum ipv4_option opt, uint32_t value)
{
	return opt < IPV4_OPT_COUNT && value >= options[opt].min &&
	       value <= options[opt].max;
}

int
ipv4_option_set(struct stack *st, enum ipv4_option opt, uint32_t value)
{
	struct ipv4 *ip = ipv4_of(st);

	if (ip == NULL)
		return -EAFNOSUPPORT;
	if (!ipv4_option_valid(opt, value))
		return -EINVAL;
	/* relaxed: a packet may see the setting of a moment ago. */
	sync_store_relaxed(&ip->option[opt], value);
	return 0;
}

int
ipv4_option_get(struct stack *st, enum ipv4_option opt, uint32_t *out)
{
	const struct ipv4 *ip = ipv4_of(st);

	if (ip == NULL)
		return -EAFNOSUPPORT;
	if (opt >= IPV4_OPT_COUNT)
		return -EINVAL;
	*out = ipv4_option(ip, opt);
	return 0;
}

const char *
ipv4_option_name(enum ipv4_option opt)
{
	SYNC_REQUIRE(opt < IPV4_OPT_COUNT);
	return options[opt].name;
}
