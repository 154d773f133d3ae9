/* SPDX-License-Identifier: BSD-2-Clause */

/* A probe: a stack whose only protocol keeps every frame for the test. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/net/harness_impl.h"

static int
probe_init(struct stack *st, void **state)
{
	struct net_probe_state *s = calloc(1, sizeof(*s));

	(void)st;
	if (s == NULL)
		return -ENOMEM;
	s->queue = calloc(NET_QUEUE_MAX, sizeof(s->queue[0]));
	if (s->queue == NULL) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static void
probe_fini(void *state)
{
	struct net_probe_state *s = state;

	free(s->queue);
	free(s);
}

static bool
answers_for(const struct net_probe_state *s, uint32_t addr)
{
	for (unsigned int i = 0; i < s->naddrs; i++)
		if (s->addr[i] == addr)
			return true;
	return false;
}

/* Turn a request that the probe answers into its reply, and send that. */
static bool
answer_arp(struct net_probe_state *s, struct worker *w, struct pkt *p)
{
	struct netif *nif = netif_lookup(w->stack, p->rx_if);
	struct net_arp *a = (void *)(p->data + ETHER_HDR_LEN);
	uint32_t asked;

	if (nif == NULL || p->len < ETHER_HDR_LEN + sizeof(*a) ||
	    p->data[12] != ETHER_TYPE_ARP >> 8 ||
	    p->data[13] != (ETHER_TYPE_ARP & 0xff) || a->op != htons(1) ||
	    !answers_for(s, a->tpa))
		return false;
	asked = a->tpa;
	a->op = htons(2);
	memcpy(a->tha, a->sha, sizeof(a->tha));
	memcpy(a->sha, nif->hwaddr, sizeof(a->sha));
	a->tpa = a->spa;
	a->spa = asked;
	memcpy(p->data, p->data + ETHER_ADDR_LEN, ETHER_ADDR_LEN);
	memcpy(p->data + ETHER_ADDR_LEN, nif->hwaddr, ETHER_ADDR_LEN);
	netif_output(w, nif, p);
	return true;
}

static void
keep(struct net_probe_state *s, const struct worker *w, const struct pkt *p)
{
	struct net_frame *f;

	if (s->count == NET_QUEUE_MAX) {
		s->head = (s->head + 1) % NET_QUEUE_MAX;
		s->count--;
	}
	f = &s->queue[(s->head + s->count++) % NET_QUEUE_MAX];
	f->time = w->now;
	f->len = p->len;
	memcpy(f->data, p->data, p->len);
}

static void
probe_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct net_probe_state *s = state;

	for (unsigned int i = 0; i < in->n; i++) {
		if (answer_arp(s, w, in->pkt[i]))
			continue;
		keep(s, w, in->pkt[i]);
		pkt_free(w, in->pkt[i]);
	}
	in->n = 0;
}

const struct proto net_probe_proto = {
    .name = "probe",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_ETHER,
    .init = probe_init,
    .fini = probe_fini,
    .input = probe_input,
};

static struct net_probe_state *
probe_of(struct net *n, int probe)
{
	struct net_probe_state *s = net_node_of(n, probe)->probe;

	cr_assert(s != NULL, "node %d is not a probe", probe);
	return s;
}

int
net_probe(struct net *n, int node, const char *node_addr,
    const struct wire_config *cfg)
{
	static const struct proto *const protos[] = {&net_probe_proto, NULL};
	char name[NETIF_NAME_MAX];
	struct net_node_state *s;
	int probe;

	(void)snprintf(name, sizeof(name), "probe%d", n->nnodes);
	probe = net_node_create(n, name, protos, 1, 0);
	s = net_node_of(n, probe);
	s->probe = proto_state(s->stack, &net_probe_proto);
	cr_assert(s->probe != NULL);
	s->probe_wire = net_wire_create(n, node, probe, cfg);
	net_addr_give(n, s->probe_wire, 0, node_addr);
	return probe;
}

int
net_probe_wire(struct net *n, int probe)
{
	return net_node_of(n, probe)->probe_wire;
}

const uint8_t *
net_probe_hwaddr(struct net *n, int probe)
{
	return net_hwaddr(n, probe, "eth0");
}

netif_id
net_probe_netif(struct net *n, int probe)
{
	return net_wire_netif(n, net_probe_wire(n, probe), 0);
}

void
net_probe_arp(struct net *n, int probe, const char *addr)
{
	struct net_probe_state *s = probe_of(n, probe);

	cr_assert(s->naddrs < NET_ADDRS_MAX, "too many addresses");
	s->addr[s->naddrs++] = net_ip(addr);
}

struct send_call {
	netif_id netif;
	const struct net_frame *frame;
};

static int
send_frame(struct worker *w, void *arg)
{
	const struct send_call *c = arg;
	struct netif *nif = netif_lookup(w->stack, c->netif);
	struct pkt *p = pkt_alloc(w);

	if (nif == NULL || p == NULL)
		return -ENOBUFS;
	memcpy(p->data, c->frame->data, c->frame->len);
	p->len = (uint32_t)c->frame->len;
	p->flags = PKT_LOCAL_ORIGIN;
	p->tx_if = c->netif;
	netif_output(w, nif, p);
	return 0;
}

void
net_probe_send(struct net *n, int probe, const struct net_frame *f)
{
	struct send_call c = {
	    .netif = net_wire_netif(n, net_probe_wire(n, probe), 1),
	    .frame = f,
	};

	cr_assert(worker_call(stack_worker(net_stack(n, probe), 0), send_frame,
		      &c) == 0,
	    "the probe has no packet or no interface");
}

bool
net_probe_recv(struct net *n, int probe, struct net_frame *out)
{
	struct net_probe_state *s = probe_of(n, probe);
	const struct net_frame *f = &s->queue[s->head];

	if (s->count == 0)
		return false;
	out->len = f->len;
	out->time = f->time;
	memcpy(out->data, f->data, f->len);
	s->head = (s->head + 1) % NET_QUEUE_MAX;
	s->count--;
	return true;
}

void
net_probe_clear(struct net *n, int probe)
{
	probe_of(n, probe)->count = 0;
}

static bool
same_addr(const char *text, uint32_t addr)
{
	return text == NULL || net_ip(text) == addr;
}

static bool
matches_arp(const struct net_match *m, struct net_frame *f)
{
	const struct net_arp *a = net_frame_get_arp(f);

	if (m->arp_op == 0 && m->arp_spa == NULL && m->arp_tpa == NULL)
		return true;
	return a != NULL && (m->arp_op == 0 || m->arp_op == ntohs(a->op)) &&
	       same_addr(m->arp_spa, a->spa) && same_addr(m->arp_tpa, a->tpa);
}

static bool
matches_ipv4(const struct net_match *m, struct net_frame *f)
{
	const struct ipv4_hdr *ip = net_frame_get_ipv4(f);
	const struct net_icmp *icmp;
	size_t len;

	if (m->src == NULL && m->dst == NULL && m->proto == 0 && !m->icmp)
		return true;
	if (ip == NULL || !same_addr(m->src, ip->src) ||
	    !same_addr(m->dst, ip->dst) ||
	    (m->proto != 0 && m->proto != ip->proto))
		return false;
	if (!m->icmp)
		return true;
	icmp = (const void *)net_frame_get_payload(f, &len);
	return ip->proto == NET_PROTO_ICMP && icmp != NULL &&
	       len >= sizeof(*icmp) && icmp->type == m->icmp_type &&
	       icmp->code == m->icmp_code;
}

static bool
matches(const struct net_match *m, struct net_frame *f)
{
	if (m == NULL)
		return true;
	if (m->ethertype != 0 &&
	    (f->len < ETHER_HDR_LEN || f->data[12] != m->ethertype >> 8 ||
		f->data[13] != (m->ethertype & 0xff)))
		return false;
	return matches_arp(m, f) && matches_ipv4(m, f);
}

static bool
has_frame(void *arg)
{
	return ((const struct net_probe_state *)arg)->count != 0;
}

bool
net_probe_expect(struct net *n, int probe, const struct net_match *m,
    uint64_t ns, struct net_frame *out)
{
	struct net_probe_state *s = probe_of(n, probe);
	const uint64_t end = n->now + ns;
	struct net_frame f;

	do {
		while (net_probe_recv(n, probe, &f)) {
			if (!matches(m, &f))
				continue;
			if (out != NULL)
				*out = f;
			return true;
		}
	} while (net_run_until(n, end - n->now, has_frame, s));
	return false;
}

unsigned int
net_probe_count(
    struct net *n, int probe, const struct net_match *m, uint64_t ns)
{
	struct net_frame f;
	unsigned int count = 0;

	net_run(n, ns);
	while (net_probe_recv(n, probe, &f))
		count += matches(m, &f);
	return count;
}
