/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address conflict detection, RFC 5227.  A claim is one of our addresses on
 * one interface; only the interface's owner worker looks at it.
 *
 *   NONE       the interface is down
 *   PROBING    three probes, then a wait (2.1.1); a conflict is lost
 *   ANNOUNCED  two announcements (2.3); a conflict is answered by one more
 *   DEFENDED   for DEFEND_INTERVAL after that; a conflict is not answered
 *   CONFLICT   lost, or met again too soon
 *
 * A router's address is configured and keeps being used, which 2.4 (c) allows:
 * in CONFLICT the owner of the configuration has to act, and is told by an
 * event.  A conflict DEFEND_INTERVAL after the last defence is answered again.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/core/timer.h"
#include "stack/proto/arp/arp_impl.h"

/* RFC 5227 section 1.1; times in ns */
#define SEC               UINT64_C(1000000000)
#define PROBE_WAIT        (1 * SEC)
#define PROBE_NUM         3
#define PROBE_MIN         (1 * SEC)
#define PROBE_MAX         (2 * SEC)
#define ANNOUNCE_WAIT     (2 * SEC)
#define ANNOUNCE_NUM      2
#define ANNOUNCE_INTERVAL (2 * SEC)
#define DEFEND_INTERVAL   (10 * SEC)

/* [c] constant  [o] owner worker */
struct arp_claim_entry {
	LIST_ENTRY(arp_claim_entry) link; /* [o] */
	struct arp_netif *an;             /* [c] */
	uint32_t addr;                    /* [c] network order */
	bool probe;                       /* [o] before using it */
	bool held;                  /* [o] was announced: ours to defend */
	enum arp_claim_state state; /* [o] */
	unsigned int sent;          /* [o] probes or announcements */
	uint64_t defended;          /* [o] when, ns */
	struct timer timer;         /* [o] */
};

/* The interface cannot have somebody else's address: say whose it is. */
static void
tell(const struct arp_claim_entry *c, const uint8_t *sha)
{
	const struct netif *nif = c->an->nif;
	struct event ev = {
	    .kind = EVENT_ADDR,
	    .action = EVENT_CHANGE,
	    .netif = nif->id,
	    .af = NETIF_AF_INET,
	    .plen = 32,
	    .state = (uint8_t)c->state,
	};

	memcpy(ev.ifname, nif->name, sizeof(ev.ifname));
	memcpy(ev.addr, &c->addr, sizeof(c->addr));
	memcpy(ev.hwaddr, sha, sizeof(ev.hwaddr));
	event_publish(nif->stack, &ev);
}

/* RFC 5227 2.3: a request whose sender and target are the address. */
static void
announce(struct arp_claim_entry *c, struct worker *w)
{
	arp_send(w, c->an->nif,
	    &(struct arp_say){
		.op = ARP_OP_REQUEST, .spa = c->addr, .tpa = c->addr});
	c->held = true;
	c->state = ARP_CLAIM_ANNOUNCED;
	if (++c->sent < ANNOUNCE_NUM)
		timer_arm(w, &c->timer, w->now + ANNOUNCE_INTERVAL);
}

static void
probe(struct arp_claim_entry *c, struct worker *w)
{
	uint64_t wait = ANNOUNCE_WAIT;

	arp_send(w, c->an->nif,
	    &(struct arp_say){.op = ARP_OP_REQUEST, .tpa = c->addr});
	if (++c->sent < PROBE_NUM)
		wait = PROBE_MIN + worker_random(w) % (PROBE_MAX - PROBE_MIN);
	timer_arm(w, &c->timer, w->now + wait);
}

static void
begin(struct arp_claim_entry *c, struct worker *w)
{
	c->sent = 0;
	c->held = false;
	timer_cancel(w, &c->timer);
	if (!c->probe) {
		announce(c, w);
		return;
	}
	c->state = ARP_CLAIM_PROBING;
	timer_arm(w, &c->timer, w->now + worker_random(w) % PROBE_WAIT);
}

static void
timer_due(struct worker *w, struct timer *t)
{
	struct arp_claim_entry *c =
	    (struct arp_claim_entry *)((char *)t -
				       offsetof(struct arp_claim_entry, timer));

	if (c->state == ARP_CLAIM_PROBING && c->sent < PROBE_NUM) {
		probe(c, w);
	} else if (c->state == ARP_CLAIM_DEFENDED) {
		c->state = ARP_CLAIM_ANNOUNCED;
	} else {
		if (c->state == ARP_CLAIM_PROBING)
			c->sent = 0;
		announce(c, w);
	}
}

static struct arp_claim_entry *
find(struct arp_netif *an, uint32_t addr)
{
	struct arp_claim_entry *c;

	LIST_FOREACH(c, &an->claims, link)
	if (c->addr == addr)
		return c;
	return NULL;
}

static void
defend(struct arp_claim_entry *c, struct worker *w)
{
	announce(c, w);
	c->sent = ANNOUNCE_NUM;
	c->state = ARP_CLAIM_DEFENDED;
	c->defended = w->now;
	timer_arm(w, &c->timer, w->now + DEFEND_INTERVAL);
}

void
arp_claim_met(struct worker *w, struct arp_netif *an, uint32_t addr,
    const uint8_t *sha, bool probed)
{
	struct arp_claim_entry *c = find(an, addr);
	const enum arp_claim_state was = c == NULL ? ARP_CLAIM_NONE : c->state;

	/* Whoever only probes is answered, and goes away. */
	if (was == ARP_CLAIM_NONE || (probed && was != ARP_CLAIM_PROBING))
		return;
	if (was == ARP_CLAIM_ANNOUNCED ||
	    (was == ARP_CLAIM_CONFLICT && c->held &&
		w->now - c->defended >= DEFEND_INTERVAL)) {
		defend(c, w);
	} else {
		timer_cancel(w, &c->timer);
		c->state = ARP_CLAIM_CONFLICT;
	}
	if (c->state != was)
		tell(c, sha);
}

static bool
is_up(const struct netif *nif)
{
	const uint32_t usable = NETIF_UP | NETIF_RUNNING;

	/* relaxed: whoever changes it tells us after. */
	return (sync_load_relaxed(&nif->flags) & usable) == usable;
}

int
arp_claim_up(struct worker *w, void *arg)
{
	struct arp_netif *an = arg;
	struct arp_claim_entry *c;

	LIST_FOREACH(c, &an->claims, link)
	begin(c, w);
	return 0;
}

int
arp_claim_down(struct worker *w, void *arg)
{
	struct arp_netif *an = arg;
	struct arp_claim_entry *c;

	LIST_FOREACH(c, &an->claims, link)
	{
		timer_cancel(w, &c->timer);
		c->state = ARP_CLAIM_NONE;
	}
	return 0;
}

void
arp_claim_free(struct arp_netif *an)
{
	struct arp_claim_entry *c;

	while ((c = LIST_FIRST(&an->claims)) != NULL) {
		LIST_REMOVE(c, link);
		free(c);
	}
}

/* One request of the control thread to the owner. */
struct request {
	int (*fn)(struct request *r, struct worker *w, struct arp_netif *an);
	netif_id id;
	uint32_t addr;
	struct arp_claim_entry *entry; /* spare for add, found by remove */
	enum arp_claim_state state;
};

static int
on_owner(struct worker *w, void *arg)
{
	struct request *r = arg;
	const struct netif *nif = netif_lookup(w->stack, r->id);
	struct arp_netif *an;

	if (nif == NULL)
		return -ENODEV;
	an = nexthop_resolver_arg(nif, NETIF_AF_INET);
	return an == NULL ? -EAFNOSUPPORT : r->fn(r, w, an);
}

static int
ask_owner(struct stack *st, struct request *r)
{
	SYNC_REQUIRE(!pserialize_in_read_section());
	return worker_call(nexthop_owner(st, r->id), on_owner, r);
}

static int
add(struct request *r, struct worker *w, struct arp_netif *an)
{
	struct arp_claim_entry *c = find(an, r->addr);

	if (c == NULL) {
		c = r->entry;
		r->entry = NULL;
		c->an = an;
		LIST_INSERT_HEAD(&an->claims, c, link);
	} else {
		c->probe = r->entry->probe;
	}
	if (is_up(an->nif))
		begin(c, w);
	return 0;
}

struct arp_claim_entry *
arp_claim_create(uint32_t addr, bool probe_first)
{
	struct arp_claim_entry *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->addr = addr;
	c->probe = probe_first;
	timer_init(&c->timer, timer_due);
	return c;
}

void
arp_claim_destroy(struct arp_claim_entry *c)
{
	free(c);
}

int
arp_claim_begin(struct stack *st, netif_id id, struct arp_claim_entry *c)
{
	struct request r = {.fn = add, .id = id, .addr = c->addr, .entry = c};
	const int error = ask_owner(st, &r);

	arp_claim_destroy(r.entry);
	return error;
}

int
arp_claim_add(struct stack *st, netif_id id, uint32_t addr, bool probe_first)
{
	struct arp_claim_entry *c = arp_claim_create(addr, probe_first);

	return c == NULL ? -ENOMEM : arp_claim_begin(st, id, c);
}

static int
take(struct request *r, struct worker *w, struct arp_netif *an)
{
	struct arp_claim_entry *c = find(an, r->addr);

	if (c == NULL)
		return -ENOENT;
	timer_cancel(w, &c->timer);
	LIST_REMOVE(c, link);
	r->entry = c;
	return 0;
}

int
arp_claim_remove(struct stack *st, netif_id id, uint32_t addr)
{
	struct request r = {.fn = take, .id = id, .addr = addr};
	int error = ask_owner(st, &r);

	free(r.entry);
	return error;
}

static int
look(struct request *r, struct worker *w, struct arp_netif *an)
{
	const struct arp_claim_entry *c = find(an, r->addr);

	(void)w;
	if (c != NULL)
		r->state = c->state;
	return 0;
}

enum arp_claim_state
arp_claim(struct stack *st, netif_id id, uint32_t addr)
{
	struct request r = {.fn = look, .id = id, .addr = addr};

	(void)ask_owner(st, &r);
	return r.state;
}
