/* SPDX-License-Identifier: BSD-2-Clause */

/* Addresses, routes and interfaces in the words of iproute2. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/net/harness_impl.h"

#define WORDS_MAX    64
#define WORD_BYTES   512
#define NEXTHOPS_MAX 8

uint32_t
net_ip(const char *addr)
{
	struct in_addr a;

	cr_assert(inet_pton(AF_INET, addr, &a) == 1, "bad address %s", addr);
	return a.s_addr;
}

uint32_t
net_prefix(const char *text, unsigned int *plen)
{
	char buf[INET_ADDRSTRLEN + 4];
	char *slash;

	if (strcmp(text, "default") == 0) {
		*plen = 0;
		return 0;
	}
	cr_assert(strlen(text) < sizeof(buf), "bad prefix %s", text);
	strcpy(buf, text);
	slash = strchr(buf, '/');
	*plen = 32;
	if (slash != NULL) {
		*slash = '\0';
		*plen = (unsigned int)strtoul(slash + 1, NULL, 10);
	}
	return net_ip(buf);
}

netif_id
net_netif(struct net *n, int node, const char *ifname)
{
	const uint64_t cookie = pserialize_read_enter();
	const struct netif *nif = netif_lookup_name(net_stack(n, node), ifname);
	const netif_id id = nif != NULL ? nif->id : 0;

	pserialize_read_exit(cookie);
	cr_assert(id != 0, "no interface %s", ifname);
	return id;
}

const uint8_t *
net_hwaddr(struct net *n, int node, const char *ifname)
{
	/* Several may stand in one expression. */
	static uint8_t addrs[8][ETHER_ADDR_LEN];
	static unsigned int next;
	uint8_t *out = addrs[next++ % 8];
	const uint64_t cookie = pserialize_read_enter();
	const struct netif *nif = netif_lookup_name(net_stack(n, node), ifname);

	if (nif != NULL)
		memcpy(out, nif->hwaddr, ETHER_ADDR_LEN);
	pserialize_read_exit(cookie);
	cr_assert(nif != NULL, "no interface %s", ifname);
	return out;
}

void
net_addr_give(struct net *n, int wire, unsigned int end, const char *addr)
{
	const int node = n->wire[wire].node[end];
	unsigned int plen;
	uint32_t a;

	if (addr == NULL)
		return;
	a = net_prefix(addr, &plen);
	cr_assert(ipv4_addr_add(net_stack(n, node), n->wire[wire].netif[end], a,
		      plen) == 0,
	    "cannot add %s to %s", addr, n->node[node].name);
}

int
net_addr_add(struct net *n, int node, const char *ifname, const char *addr)
{
	unsigned int plen;
	const uint32_t a = net_prefix(addr, &plen);

	return ipv4_addr_add(
	    net_stack(n, node), net_netif(n, node, ifname), a, plen);
}

int
net_addr_del(struct net *n, int node, const char *ifname, const char *addr)
{
	unsigned int plen;
	const uint32_t a = net_prefix(addr, &plen);

	return ipv4_addr_remove(
	    net_stack(n, node), net_netif(n, node, ifname), a, plen);
}

/* A route being read: its words and what they said so far. */
struct reader {
	struct net *net;
	int node;
	char *word[WORDS_MAX];
	unsigned int n, at;
	struct route_config cfg;
	struct route_nexthop hop[NEXTHOPS_MAX];
	unsigned int hops;
};

static const char *
next_word(struct reader *rd)
{
	cr_assert(rd->at < rd->n, "a word is missing at the end of a route");
	return rd->word[rd->at++];
}

static bool
take_word(struct reader *rd, const char *word)
{
	if (rd->at == rd->n || strcmp(rd->word[rd->at], word) != 0)
		return false;
	rd->at++;
	return true;
}

static struct route_nexthop *
last_hop(struct reader *rd)
{
	if (rd->hops == 0)
		rd->hops = 1;
	return &rd->hop[rd->hops - 1];
}

static void
read_attribute(struct reader *rd)
{
	if (take_word(rd, "nexthop")) {
		cr_assert(rd->hops < NEXTHOPS_MAX, "too many next hops");
		rd->hops++;
	} else if (take_word(rd, "via")) {
		const uint32_t gw = net_ip(next_word(rd));

		memcpy(last_hop(rd)->gateway, &gw, sizeof(gw));
		last_hop(rd)->has_gateway = true;
	} else if (take_word(rd, "dev")) {
		last_hop(rd)->netif =
		    net_netif(rd->net, rd->node, next_word(rd));
	} else if (take_word(rd, "recursive")) {
		last_hop(rd)->recursive = true;
	} else if (take_word(rd, "nhid")) {
		rd->cfg.nhid = (uint32_t)atoi(next_word(rd));
	} else if (take_word(rd, "weight")) {
		last_hop(rd)->weight = (uint8_t)atoi(next_word(rd));
	} else if (take_word(rd, "src")) {
		const uint32_t src = net_ip(next_word(rd));

		memcpy(rd->cfg.prefsrc, &src, sizeof(src));
		rd->cfg.has_prefsrc = true;
	} else if (take_word(rd, "metric")) {
		rd->cfg.metric = (uint32_t)atoi(next_word(rd));
	} else {
		cr_assert_fail("route: what is \"%s\"?", next_word(rd));
	}
}

static void
read_route(struct reader *rd, char *text)
{
	static const uint8_t types[] = {ROUTE_UNICAST, ROUTE_BLACKHOLE,
	    ROUTE_UNREACHABLE, ROUTE_PROHIBIT, ROUTE_THROW};
	static const char *const names[] = {
	    "unicast", "blackhole", "unreachable", "prohibit", "throw"};
	char *save, *w;
	unsigned int plen;
	uint32_t prefix;

	for (w = strtok_r(text, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		cr_assert(rd->n < WORDS_MAX, "too many words");
		rd->word[rd->n++] = w;
	}
	for (int i = 0; i < NEXTHOPS_MAX; i++)
		rd->hop[i].weight = 1;
	rd->cfg.type = ROUTE_UNICAST;
	rd->cfg.protocol = ROUTE_PROTO_STATIC;
	for (int i = 0; i < 5; i++)
		if (take_word(rd, names[i]))
			rd->cfg.type = types[i];
	prefix = net_prefix(next_word(rd), &plen);
	memcpy(rd->cfg.prefix, &prefix, sizeof(prefix));
	rd->cfg.plen = (uint8_t)plen;
	while (rd->at < rd->n)
		read_attribute(rd);
	rd->cfg.nnexthops = rd->hops;
	rd->cfg.nexthops = rd->hop;
}

static int
route(struct net *n, int node, const char *words, enum route_mode mode)
{
	struct reader rd = {.net = n, .node = node};
	char text[WORD_BYTES];

	cr_assert(strlen(words) < sizeof(text), "route too long");
	strcpy(text, words);
	read_route(&rd, text);
	return ipv4_route_add(net_stack(n, node), &rd.cfg, mode);
}

int
net_route(struct net *n, int node, const char *words)
{
	return route(n, node, words, ROUTE_ADD);
}

int
net_route_replace(struct net *n, int node, const char *words)
{
	return route(n, node, words, ROUTE_REPLACE);
}

int
net_route_change(struct net *n, int node, const char *words)
{
	return route(n, node, words, ROUTE_CHANGE);
}

int
net_route_del(struct net *n, int node, const char *prefix)
{
	unsigned int plen;
	const uint32_t p = net_prefix(prefix, &plen);

	return ipv4_route_remove(net_stack(n, node), (const uint8_t *)&p, plen);
}

bool
net_route_get(struct net *n, int node, const char *addr,
    struct route_config *out, struct route_nexthop *first)
{
	const uint32_t a = net_ip(addr);
	const uint64_t cookie = pserialize_read_enter();
	unsigned int plen = 0;
	const struct route *r = route_table_match(
	    ipv4_routes(net_stack(n, node)), (const uint8_t *)&a, &plen);
	const uint32_t prefix =
	    plen == 0 ? 0 : a & htonl(UINT32_MAX << (32 - plen));

	if (r != NULL) {
		*out = (struct route_config){
		    .plen = (uint8_t)plen,
		    .type = r->type,
		    .protocol = r->protocol,
		    .metric = r->metric,
		    .has_prefsrc = r->has_prefsrc,
		    .nnexthops = r->nnexthops,
		};
		memcpy(out->prefix, &prefix, sizeof(prefix));
		memcpy(out->prefsrc, r->prefsrc, sizeof(out->prefsrc));
		*first = (struct route_nexthop){.netif = 0};
		if (r->nnexthops != 0)
			*first = r->nexthops[0];
	}
	pserialize_read_exit(cookie);
	return r != NULL;
}

static void
set_flags(
    struct net *n, int node, const char *ifname, uint32_t set, uint32_t clear)
{
	cr_assert(netif_set_flags(net_stack(n, node),
		      net_netif(n, node, ifname), set, clear) == 0);
}

void
net_up(struct net *n, int node, const char *ifname)
{
	set_flags(n, node, ifname, NETIF_UP, 0);
}

void
net_down(struct net *n, int node, const char *ifname)
{
	set_flags(n, node, ifname, 0, NETIF_UP);
}

void
net_mtu(struct net *n, int node, const char *ifname, uint32_t mtu)
{
	cr_assert(netif_set_mtu(
		      net_stack(n, node), net_netif(n, node, ifname), mtu) == 0,
	    "MTU %u was refused", mtu);
}

void
net_option(struct net *n, int node, enum ipv4_option o, uint32_t value)
{
	cr_assert(ipv4_option_set(net_stack(n, node), o, value) == 0,
	    "option %s was refused", ipv4_option_name(o));
}
