/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fragmentation (RFC 791 section 3.2): the pieces are packets of their own
 * from the worker's pool, with the first header on the first and the header
 * without its uncopied options on the rest.  A datagram that is a fragment
 * already is cut the same way.
 */

#include <string.h>

#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4_impl.h"

/* What a packet of the pool holds behind its headroom. */
#define PIECE_MAX (PKT_ROOM - PKT_HEADROOM)

/*
 * A packet with hdr and len bytes of payload from data on; off as in the
 * header, host order.
 */
static struct pkt *
piece(struct worker *w, const struct pkt *p, const uint8_t *hdr,
    unsigned int hlen, const uint8_t *data, uint32_t len, uint16_t off)
{
	struct pkt *q = pkt_alloc(w);
	struct ipv4_hdr *h;

	if (q == NULL)
		return NULL;
	memcpy(q->data, hdr, hlen);
	memcpy(q->data + hlen, data, len);
	q->len = hlen + len;
	q->flags = p->flags;
	q->hash = p->hash;
	q->rx_if = p->rx_if;
	q->tx_if = p->tx_if;
	q->rx_time = p->rx_time;
	q->nexthop = p->nexthop;
	q->l3 = q->data;
	q->l3_len = (uint16_t)hlen;
	h = (struct ipv4_hdr *)q->data;
	h->ver_ihl = (uint8_t)(0x40 | hlen / 4);
	h->total_len = htons((uint16_t)q->len);
	h->frag_off = htons(off);
	h->checksum = 0;
	h->checksum = ipv4_checksum(h, hlen);
	return q;
}

void
ipv4_frag(struct worker *w, struct netif *nif, struct pkt *p, uint32_t mtu,
    void (*emit)(struct worker *w, struct netif *nif, struct pkt *p))
{
	const unsigned int off =
	    ntohs(((const struct ipv4_hdr *)p->data)->frag_off);
	uint8_t rest[IPV4_HDR_MAX];
	const uint8_t *hdr = p->data, *end = p->data + p->len;
	const uint8_t *at = p->data + p->l3_len;
	unsigned int hlen = p->l3_len, blocks = off & IPV4_OFF_MASK, more;
	uint32_t n;
	struct pkt *q;

	if (mtu > PIECE_MAX)
		mtu = PIECE_MAX;
	while (at < end) {
		n = (mtu - hlen) & ~7U;
		more = IPV4_MF;
		if ((uint32_t)(end - at) <= n) {
			n = (uint32_t)(end - at);
			more = off & IPV4_MF;
		}
		q = piece(w, p, hdr, hlen, at, n, (uint16_t)(blocks | more));
		if (q == NULL) {
			pkt_drop(w, p, p->tx_if, DROP_NO_BUFFER);
			return;
		}
		emit(w, nif, q);
		at += n;
		blocks += n / 8;
		hlen = ipv4_options_copy(rest, p->data, p->l3_len);
		hdr = rest;
	}
	pkt_free(w, p);
}
