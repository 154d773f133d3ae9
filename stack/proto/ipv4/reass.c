/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reassembly (RFC 791 section 3.2, RFC 1122 3.3.2) at one worker.  A datagram
 * grows in a jumbo packet, its header in front of the payload; a bitmap says
 * which blocks of 8 bytes have come.
 *
 * Overlapping fragments are an attack or an error: the whole datagram goes,
 * and what still comes of it is refused until the timeout (the rule of
 * RFC 5722, which RFC 8200 4.5 softens for exact copies).
 *
 * Invariants
 *   I1  A slot is in use exactly while its timer is armed.
 *   I2  A slot in use without a packet is condemned: it only refuses.
 *   I3  got counts the bytes of the blocks set; so got == total means that
 *       every byte is there, the first fragment included.
 *   I4  Every fragment is counted once: as part of a datagram delivered, or
 *       under the reason for which the datagram went.  Those whose interface
 *       is gone have no counter any more; their datagram counts as one.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/timer.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4_impl.h"

#define REASS_SLOTS   64
#define REASS_TIMEOUT UINT64_C(30000000000) /* ns */
#define TOTAL_MAX     65535
#define BLOCKS        ((TOTAL_MAX + 7) / 8)

/* Payload starts here in the buffer: room for L2 and the longest header. */
#define PAYLOAD_AT (PKT_HEADROOM + 64)
_Static_assert(PAYLOAD_AT + TOTAL_MAX <= PKT_ROOM_JUMBO, "fits a jumbo");

/* [o] the worker */
struct datagram {
	struct timer timer;              /* [o] armed while in use */
	struct pkt *p;                   /* [o] NULL: condemned */
	const struct route_table *world; /* that src and dst are of */
	uint32_t src, dst;
	uint16_t id;
	uint8_t proto;
	uint8_t hlen;       /* bytes of the first fragment's header, 0: none */
	uint32_t first_len; /* payload bytes of the first fragment */
	uint32_t total;     /* payload bytes in all; 0: not known */
	uint32_t high;      /* end of the highest fragment */
	uint32_t got;       /* payload bytes that came */
	uint32_t nfrags;    /* fragments that came */
	uint64_t map[(BLOCKS + 63) / 64];
};

struct ipv4_reass {
	struct datagram slot[REASS_SLOTS]; /* [o] */
};

/* One fragment. */
struct piece {
	const struct ipv4_hdr *h;
	const uint8_t *data;
	uint32_t at, end; /* bytes of payload */
	bool last;
};

static void expire(struct worker *w, struct timer *t);

int
ipv4_reass_create(struct ipv4_reass **out)
{
	struct ipv4_reass *re = calloc(1, sizeof(*re));
	unsigned int i;

	if (re == NULL)
		return -ENOMEM;
	for (i = 0; i < REASS_SLOTS; i++)
		timer_init(&re->slot[i].timer, expire);
	*out = re;
	return 0;
}

void
ipv4_reass_destroy(struct ipv4_reass *re)
{
	unsigned int i;

	for (i = 0; i < REASS_SLOTS; i++)
		SYNC_REQUIRE(!timer_armed(&re->slot[i].timer));
	free(re);
}

/* The fragments that the datagram's packet stands for, but the one it is. */
static void
count_rest(struct worker *w, const struct datagram *d, enum drop_reason reason)
{
	struct netif *nif = netif_lookup(w->stack, d->p->rx_if);

	if (nif != NULL && d->nfrags > 1)
		netif_count(
		    w, nif, NETIF_DROPS + (unsigned int)reason, d->nfrags - 1);
}

/* Drop what came of d, and refuse the rest until the timeout. */
static void
condemn(struct worker *w, struct datagram *d, enum drop_reason reason)
{
	if (d->p == NULL)
		return;
	if (d->nfrags == 0) {
		pkt_free(w, d->p);
	} else {
		count_rest(w, d, reason);
		pkt_drop(w, d->p, d->p->rx_if, reason);
	}
	d->p = NULL;
}

static void
release(struct worker *w, struct datagram *d, enum drop_reason reason)
{
	condemn(w, d, reason);
	timer_cancel(w, &d->timer);
}

static void
expire(struct worker *w, struct timer *t)
{
	struct datagram *d =
	    (struct datagram *)((char *)t - offsetof(struct datagram, timer));
	struct pkt *p = d->p;

	if (p == NULL)
		return;
	if (d->hlen == 0) {
		condemn(w, d, DROP_IPV4_REASM_TIMEOUT);
		return;
	}
	/* RFC 792: time exceeded is sent if the first fragment is here. */
	count_rest(w, d, DROP_IPV4_REASM_TIMEOUT);
	d->p = NULL;
	p->l3 = p->buf + PAYLOAD_AT - d->hlen;
	p->l3_len = d->hlen;
	p->data = p->l3;
	p->len = d->hlen + d->first_len;
	icmp_error(w, p, ICMP_TIME_EXCEEDED, 1, 0, DROP_IPV4_REASM_TIMEOUT);
}

/* The slot of h's datagram, else a free one, else NULL. */
static struct datagram *
find(struct ipv4_reass *re, const struct route_table *world,
    const struct ipv4_hdr *h)
{
	struct datagram *d, *unused = NULL;
	unsigned int i;

	for (i = 0; i < REASS_SLOTS; i++) {
		d = &re->slot[i];
		if (!timer_armed(&d->timer))
			unused = d;
		else if (d->world == world && d->src == h->src &&
			 d->dst == h->dst && d->id == h->id &&
			 d->proto == h->proto)
			return d;
	}
	return unused;
}

/*
 * Give up a datagram for its slot, or for its packet: of the source that has
 * most of them, so that nobody pushes out what others send, the one longest
 * open.  Returns: its slot, or NULL if there is none.
 */
static struct datagram *
evict(struct ipv4_reass *re, struct worker *w, bool for_packet)
{
	struct datagram *in_use[REASS_SLOTS], *d, *worst = NULL;
	unsigned int i, k, n = 0, same, most = 0;

	for (i = 0; i < REASS_SLOTS; i++) {
		d = &re->slot[i];
		if (timer_armed(&d->timer) && (!for_packet || d->p != NULL))
			in_use[n++] = d;
	}
	for (i = 0; i < n; i++) {
		d = in_use[i];
		for (k = same = 0; k < n; k++)
			same += in_use[k]->src == d->src;
		if (same < most || (same == most && d->timer.deadline >=
							worst->timer.deadline))
			continue;
		worst = d;
		most = same;
	}
	if (worst != NULL)
		release(w, worst, DROP_IPV4_REASM_FULL);
	return worst;
}

/* A slot for h's datagram, which has none; d is free, or NULL. */
static struct datagram *
open_slot(struct ipv4_reass *re, struct worker *w, struct datagram *d,
    const struct ipv4_hdr *h)
{
	struct pkt *p;

	if (d == NULL)
		d = evict(re, w, false);
	p = pkt_alloc_jumbo(w);
	if (p == NULL && evict(re, w, true) != NULL)
		p = pkt_alloc_jumbo(w);
	if (p == NULL)
		return NULL;
	d->p = p;
	d->src = h->src;
	d->dst = h->dst;
	d->id = h->id;
	d->proto = h->proto;
	d->hlen = 0;
	d->first_len = d->total = d->high = d->got = d->nfrags = 0;
	memset(d->map, 0, sizeof(d->map));
	timer_arm(w, &d->timer, w->now + REASS_TIMEOUT);
	return d;
}

/* RFC 791: lengths and offsets that no datagram of 65535 bytes can have. */
static bool
measure(const struct pkt *p, struct piece *f)
{
	unsigned int off;

	f->h = (const struct ipv4_hdr *)p->l3;
	off = ntohs(f->h->frag_off);
	f->data = p->l3 + p->l3_len;
	f->at = (off & IPV4_OFF_MASK) * 8;
	f->end = f->at + p->len - p->l3_len;
	f->last = (off & IPV4_MF) == 0;
	return f->end > f->at && f->end + p->l3_len <= TOTAL_MAX &&
	       (f->last || f->end % 8 == 0);
}

static unsigned int
blocks_set(const struct datagram *d, const struct piece *f)
{
	unsigned int b, n = 0;

	for (b = f->at / 8; b < (f->end + 7) / 8; b++)
		n += d->map[b / 64] >> b % 64 & 1;
	return n;
}

enum fit {
	FIT,
	FIT_COPY,    /* all of it is here already, byte for byte */
	FIT_OVERLAP, /* some of it is here, or it differs */
	FIT_LENGTH,  /* outside of the datagram */
};

static enum fit
fit(const struct datagram *d, const struct piece *f)
{
	const unsigned int set = blocks_set(d, f);

	if (d->total != 0 &&
	    (f->end > d->total || (f->last && f->end != d->total)))
		return FIT_LENGTH;
	if (f->last && d->high > f->end)
		return FIT_LENGTH;
	if (set == 0)
		return FIT;
	if (set == (f->end + 7) / 8 - f->at / 8 &&
	    memcmp(d->p->buf + PAYLOAD_AT + f->at, f->data, f->end - f->at) ==
		0)
		return FIT_COPY;
	return FIT_OVERLAP;
}

static void
enter(struct datagram *d, const struct pkt *p, const struct piece *f)
{
	struct pkt *whole = d->p;
	unsigned int b;

	for (b = f->at / 8; b < (f->end + 7) / 8; b++)
		d->map[b / 64] |= UINT64_C(1) << b % 64;
	memcpy(whole->buf + PAYLOAD_AT + f->at, f->data, f->end - f->at);
	d->got += f->end - f->at;
	d->nfrags++;
	if (f->end > d->high)
		d->high = f->end;
	if (f->last)
		d->total = f->end;
	whole->flags |= p->flags;
	if (f->at == 0 || whole->rx_if == 0) {
		whole->rx_if = p->rx_if;
		whole->rx_time = p->rx_time;
	}
	if (f->at == 0) {
		d->hlen = (uint8_t)p->l3_len;
		d->first_len = f->end;
		memcpy(whole->buf + PAYLOAD_AT - d->hlen, p->l3, d->hlen);
	}
}

/* Take the complete datagram out of its slot. */
static struct pkt *
complete(struct worker *w, struct datagram *d)
{
	struct pkt *p = d->p;
	struct ipv4_hdr *h;

	if (d->hlen + d->total > TOTAL_MAX) {
		condemn(w, d, DROP_IPV4_REASM_LENGTH);
		return NULL;
	}
	d->p = NULL;
	timer_cancel(w, &d->timer);
	p->l3 = p->buf + PAYLOAD_AT - d->hlen;
	p->l3_len = d->hlen;
	p->data = p->l3;
	p->len = d->hlen + d->total;
	h = (struct ipv4_hdr *)p->l3;
	h->total_len = htons((uint16_t)p->len);
	h->frag_off = 0;
	h->checksum = 0;
	h->checksum = ipv4_checksum(h, d->hlen);
	return p;
}

static void
misfit(struct worker *w, struct datagram *d, struct pkt *p, enum fit how)
{
	const enum drop_reason reason = how == FIT_LENGTH
					    ? DROP_IPV4_REASM_LENGTH
					    : DROP_IPV4_REASM_OVERLAP;

	if (how != FIT_COPY)
		condemn(w, d, reason);
	pkt_drop(w, p, p->rx_if, reason);
}

struct pkt *
ipv4_reass_input(struct ipv4_reass *re, struct worker *w, struct pkt *p)
{
	const struct route_table *world;
	struct datagram *d;
	struct piece f;
	enum fit how;

	SYNC_ASSERT(pserialize_in_read_section());
	if (!measure(p, &f)) {
		pkt_drop(w, p, p->rx_if, DROP_IPV4_REASM_LENGTH);
		return NULL;
	}
	world = route_tables_of(ipv4_tables(w->stack), p->rx_if);
	d = find(re, world, f.h);
	if (d == NULL || !timer_armed(&d->timer))
		d = open_slot(re, w, d, f.h);
	if (d == NULL) {
		pkt_drop(w, p, p->rx_if, DROP_IPV4_REASM_FULL);
		return NULL;
	}
	d->world = world;
	how = d->p == NULL ? FIT_OVERLAP : fit(d, &f);
	if (how != FIT) {
		misfit(w, d, p, how);
		return NULL;
	}
	enter(d, p, &f);
	pkt_free(w, p);
	return d->got == d->total ? complete(w, d) : NULL;
}

void
ipv4_reass_flush(struct ipv4_reass *re, struct worker *w, netif_id id)
{
	struct datagram *d;
	unsigned int i;

	for (i = 0; i < REASS_SLOTS; i++) {
		d = &re->slot[i];
		if (!timer_armed(&d->timer))
			continue;
		if (id == 0 || (d->p != NULL && d->p->rx_if == id))
			release(w, d, DROP_NETIF_GONE);
	}
}
