/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Flow hashes: each stack has its own seed, so that routers in a row do not
 * all take the same decision (polarisation, RFC 2992 section 2).
 */

#include <string.h>

#include "stack/proto/ipv4/ipv4_impl.h"

static uint32_t
mix(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x85ebca6bU;
	h ^= h >> 13;
	h *= 0xc2b2ae35U;
	return h ^ h >> 16;
}

uint32_t
ipv4_flow_mix(const struct ipv4 *ip, uint32_t src, uint32_t dst, uint32_t word)
{
	uint32_t h = mix(src ^ ip->seed);

	h = mix(h + dst);
	return mix(h + word);
}

/* Ports as they are in the packet. */
static uint32_t
forwarded(const struct ipv4 *ip, uint32_t src, uint32_t dst, uint32_t ports,
    uint8_t proto)
{
	const uint32_t hash = mix(ipv4_flow_mix(ip, src, dst, ports) + proto);

	return hash != 0 ? hash : 1;
}

uint32_t
ipv4_flow_of(struct stack *st, const struct ipv4_flow *f)
{
	const struct ipv4 *ip = ipv4_of(st);
	const uint16_t both[2] = {htons(f->sport), htons(f->dport)};
	uint32_t ports;

	if (ip == NULL)
		return 0;
	if (f->here)
		return ipv4_flow_mix(ip, f->src, f->dst, f->proto);
	memcpy(&ports, both, sizeof(ports));
	return forwarded(ip, f->src, f->dst, ports, f->proto);
}

uint32_t
ipv4_flow_hash(const struct ipv4 *ip, const struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const uint8_t *end = p->data + p->len;
	uint32_t ports = 0;

	if ((h->proto == IPV4_PROTO_TCP || h->proto == IPV4_PROTO_UDP) &&
	    (h->frag_off & htons(IPV4_MF | IPV4_OFF_MASK)) == 0 &&
	    end - p->l3 >= p->l3_len + (ptrdiff_t)sizeof(ports))
		memcpy(&ports, p->l3 + p->l3_len, sizeof(ports));
	return forwarded(ip, h->src, h->dst, ports, h->proto);
}
