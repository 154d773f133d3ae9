/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two ports, each with a ring per worker of its stack.  A worker transmits by
 * copying into its ring of its own port, and receives by copying out of the
 * rings of the other port that fall to its queue.
 *
 * Invariants
 *   I1  A port is published in wire->port[] from the end of wire_attach() to
 *       the start of detach; only detach frees it.
 *   I2  attached[], port[] and refs change under the lock, which is taken
 *       before any control mutex.
 *
 * Ordering pairs
 *   PORT     attach stores port[] (release) -> the other end's workers load
 *            it (acquire): a port is complete before it is used.
 *   CAPTURE  capture_start stores capture (release) -> transmit loads it
 *            (acquire): the file is open before it is written.
 *
 * Reclamation
 *   detach unpublishes the port and waits for a grace period, after which no
 *   worker of the other stack stands in its rings; a capture likewise.
 */

#include "drivers/wire/wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/args/args.h"
#include "drivers/wire/pcapng.h"
#include "drivers/wire/ring.h"
#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"

#define ETHER_HDR     14
#define MTU_DEFAULT   1500
#define QUEUE_LEN_MAX 65536
#define MILLION       1000000

/* One attached end.  [c] constant once published  [w] the wire's lock */
struct wire_port {
	struct wire *wire;        /* [c] */
	unsigned int end;         /* [c] 0 or 1 */
	struct stack *stack;      /* [c] */
	netif_id id;              /* [w] */
	unsigned int nrings;      /* [c] one per worker of the stack */
	struct wire_ring *ring[]; /* [c] */
};

/* [c] constant  [a] atomic  [w] the lock */
struct wire {
	struct wire_config cfg;                    /* [c] */
	SYNC_ATOMIC(struct wire_port *) port[2];   /* [a] NULL: no end */
	SYNC_ATOMIC(bool) whole;                   /* [a] not cut */
	SYNC_ATOMIC(struct wire_pcapng *) capture; /* [a] NULL: none */
	pthread_mutex_t lock;
	bool paired;       /* [c] the ends go together */
	bool attached[2];  /* [w] taken, perhaps not published yet */
	unsigned int refs; /* [w] ends and the creator */
};

static struct wire_port *
peer_of(const struct wire_port *port)
{
	/* PORT acquire: pairs with the release in attach. */
	return sync_load_acquire(&port->wire->port[1 - port->end]);
}

/* Copy what has arrived on one ring, up to max packets, into b. */
static void
poll_ring(struct netif *nif, struct wire_ring *r, struct worker *w,
    struct pkt_batch *b, unsigned int max)
{
	const struct wire_ring_frame *f;
	unsigned int n = 0;

	while (n < max && (f = wire_ring_pop(r, w->now)) != NULL) {
		struct pkt *p = pkt_alloc(w);

		n++;
		if (p == NULL) {
			netif_count(w, nif, NETIF_DROPS + DROP_NO_BUFFER, 1);
			continue;
		}
		memcpy(p->data, f->data, f->len);
		p->len = f->len;
		pkt_batch_add(b, p);
	}
	if (n != 0)
		wire_ring_release(r);
}

static void
wire_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	const struct wire_port *peer = peer_of(nif->softc);
	unsigned int rings, share;

	SYNC_ASSERT(pserialize_in_read_section());
	if (peer == NULL || peer->nrings <= queue)
		return;
	rings = (peer->nrings - queue - 1) / nif->nqueues + 1;
	share = rings < PKT_BATCH_MAX ? PKT_BATCH_MAX / rings : 1;
	for (unsigned int q = queue; q < peer->nrings; q += nif->nqueues) {
		const unsigned int room = PKT_BATCH_MAX - b->n;

		poll_ring(
		    nif, peer->ring[q], w, b, share < room ? share : room);
	}
}

static void
send_one(struct netif *nif, struct wire_port *port, struct wire_ring *r,
    struct worker *w, struct pkt *p)
{
	/* CAPTURE acquire: pairs with the release in capture_start. */
	struct wire_pcapng *capture = sync_load_acquire(&port->wire->capture);

	if (p->len > WIRE_RING_FRAME_MAX) {
		pkt_drop(w, p, nif->id, DROP_TX_ERROR);
		return;
	}
	switch (wire_ring_fill(r, w->now, p->data, p->len)) {
	case WIRE_RING_FULL:
		pkt_drop(w, p, nif->id, DROP_TX_FULL);
		return;
	case WIRE_RING_LOST:
		pkt_drop(w, p, nif->id, DROP_WIRE_LOSS);
		return;
	case WIRE_RING_SENT:
		break;
	}
	if (capture != NULL)
		wire_pcapng_write(capture, port->end, w->now, p->data, p->len);
	pkt_free(w, p);
}

static void
wire_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct wire_port *port = nif->softc;
	const struct wire_port *peer = peer_of(port);

	SYNC_ASSERT(pserialize_in_read_section());
	/* relaxed: a frame may see the state of a moment ago. */
	if (peer == NULL || !sync_load_relaxed(&port->wire->whole)) {
		pkt_drop_batch(w, b, nif->id, DROP_NETIF_DOWN);
		return;
	}
	for (unsigned int i = 0; i < b->n; i++)
		send_one(nif, port, port->ring[queue], w, b->pkt[i]);
	b->n = 0;
	if (wire_ring_publish(port->ring[queue]))
		worker_wake(stack_worker(peer->stack, queue % peer->nrings));
}

static uint64_t
wire_next_event(struct netif *nif, unsigned int queue)
{
	const uint64_t cookie = pserialize_read_enter();
	const struct wire_port *peer = peer_of(nif->softc);
	uint64_t due = UINT64_MAX;

	for (unsigned int q = queue; peer != NULL && q < peer->nrings;
	     q += nif->nqueues) {
		const uint64_t t = wire_ring_due(peer->ring[q]);

		if (t < due)
			due = t;
	}
	pserialize_read_exit(cookie);
	return due;
}

static bool
wire_arm(struct netif *nif, unsigned int queue, struct worker *w, int *fd)
{
	const uint64_t cookie = pserialize_read_enter();
	const struct wire_port *peer = peer_of(nif->softc);

	*fd = -1;
	for (unsigned int q = queue; peer != NULL && q < peer->nrings;
	     q += nif->nqueues)
		wire_ring_arm(peer->ring[q]);
	pserialize_read_exit(cookie);
	return wire_next_event(nif, queue) <= w->now;
}

static int
wire_set_mtu(struct netif *nif, uint32_t mtu)
{
	(void)nif;
	return mtu + ETHER_HDR <= WIRE_RING_FRAME_MAX ? 0 : -EINVAL;
}

static void
port_free(struct wire_port *port)
{
	for (unsigned int i = 0; i < port->nrings; i++)
		if (port->ring[i] != NULL)
			wire_ring_destroy(port->ring[i]);
	free(port);
}

/* Drop one reference; the lock is held and gone afterwards. */
static void
unlock_and_put(struct wire *w)
{
	const bool last = --w->refs == 0;

	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	wire_capture_stop(w);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Tell the stacks of both ends whether there is a carrier; lock held. */
static void
tell_carrier(struct wire *w)
{
	struct wire_port *port[2];
	bool carrier;

	for (int i = 0; i < 2; i++) {
		/* relaxed: written under the lock, which we hold. */
		port[i] = sync_load_relaxed(&w->port[i]);
	}
	/* relaxed: written under the lock, which we hold. */
	carrier = sync_load_relaxed(&w->whole) && port[0] && port[1];
	for (int i = 0; i < 2; i++)
		if (port[i] != NULL)
			netif_set_running(port[i]->stack, port[i]->id, carrier);
}

/* The other end loses its device; its stack detaches it. */
static void
take_along(const struct wire_port *peer)
{
	const uint64_t cookie = pserialize_read_enter();
	struct netif *nif = netif_lookup(peer->stack, peer->id);

	if (nif != NULL)
		netif_device_gone(nif);
	pserialize_read_exit(cookie);
}

static void
wire_detach(struct netif *nif)
{
	struct wire_port *port = nif->softc, *peer;
	struct wire *w = port->wire;

	pthread_mutex_lock(&w->lock);
	/* relaxed: unpublishes; the grace period orders the rest. */
	sync_store_relaxed(&w->port[port->end], NULL);
	pserialize_perform();
	/* relaxed: written under the lock, which we hold. */
	peer = sync_load_relaxed(&w->port[1 - port->end]);
	for (unsigned int i = 0; peer != NULL && i < peer->nrings; i++)
		wire_ring_flush(peer->ring[i]);
	tell_carrier(w);
	if (peer != NULL && w->paired)
		take_along(peer);
	w->attached[port->end] = false;
	unlock_and_put(w);
	port_free(port);
}

static const struct netif_ops wire_ops = {
    .poll = wire_poll,
    .transmit = wire_transmit,
    .arm = wire_arm,
    .next_event = wire_next_event,
    .set_mtu = wire_set_mtu,
    .detach = wire_detach,
};

int
wire_create(const struct wire_config *cfg, struct wire **out)
{
	static const struct wire_config perfect;
	const struct wire_config *c = cfg != NULL ? cfg : &perfect;
	struct wire *w;

	if (c->loss_ppm > MILLION || c->reorder_ppm > MILLION ||
	    c->queue_len == 1 || c->queue_len > QUEUE_LEN_MAX)
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->cfg = *c;
	sync_init(&w->whole, true);
	pthread_mutex_init(&w->lock, NULL);
	w->refs = 1;
	*out = w;
	return 0;
}

void
wire_destroy(struct wire *w)
{
	pthread_mutex_lock(&w->lock);
	unlock_and_put(w);
}

static int
port_create(
    struct wire *w, unsigned int end, struct stack *st, struct wire_port **out)
{
	const unsigned int n = stack_nworkers(st);
	const uint64_t rate = w->cfg.rate_bps;
	struct wire_port *port;

	port = calloc(1, sizeof(*port) + n * sizeof(port->ring[0]));
	if (port == NULL)
		return -ENOMEM;
	port->wire = w;
	port->end = end;
	port->stack = st;
	port->nrings = n;
	for (unsigned int i = 0; i < n; i++) {
		const int error = wire_ring_create(&w->cfg,
		    rate != 0 && rate < n ? 1 : rate / n, i * 2 + end,
		    &port->ring[i]);

		if (error != 0) {
			port_free(port);
			return error;
		}
	}
	*out = port;
	return 0;
}

/* Make the port visible to the other end; lock held. */
static void
publish(struct wire *w, struct wire_port *port)
{
	/* relaxed: written under the lock, which we hold. */
	const struct wire_port *peer =
	    sync_load_relaxed(&w->port[1 - port->end]);

	/* Workers of this end may sleep without having armed these. */
	for (unsigned int i = 0; peer != NULL && i < peer->nrings; i++)
		wire_ring_arm(peer->ring[i]);
	/* PORT release: pairs with the acquire in peer_of. */
	sync_store_release(&w->port[port->end], port);
	tell_carrier(w);
}

int
wire_attach(struct wire *w, unsigned int end, struct stack *st,
    const char *ifname, netif_id *out)
{
	struct netif_config cfg = {
	    .name = ifname,
	    .driver = "wire",
	    .link = NETIF_LINK_ETHER,
	    .mtu = MTU_DEFAULT,
	    .nqueues = stack_nworkers(st),
	    .ops = &wire_ops,
	};
	struct wire_port *port;
	int error;

	if (end > 1)
		return -EINVAL;
	error = port_create(w, end, st, &port);
	if (error != 0)
		return error;
	pthread_mutex_lock(&w->lock);
	error = -EBUSY;
	if (w->attached[end])
		goto unlock;
	cfg.softc = port;
	error = netif_attach(st, &cfg, &port->id);
	if (error != 0)
		goto unlock;
	w->attached[end] = true;
	w->refs++;
	*out = port->id;
	publish(w, port);
	pthread_mutex_unlock(&w->lock);
	return 0;

unlock:
	pthread_mutex_unlock(&w->lock);
	port_free(port);
	return error;
}

void
wire_set_carrier(struct wire *w, bool whole)
{
	pthread_mutex_lock(&w->lock);
	/* relaxed: a frame may see the state of a moment ago. */
	sync_store_relaxed(&w->whole, whole);
	tell_carrier(w);
	pthread_mutex_unlock(&w->lock);
}

int
wire_capture_start(struct wire *w, const char *path)
{
	static const char *const names[2] = {"end 0", "end 1"};
	struct wire_pcapng *capture;
	int error = -EBUSY;

	pthread_mutex_lock(&w->lock);
	/* relaxed: written under the lock, which we hold. */
	if (sync_load_relaxed(&w->capture) == NULL) {
		error = wire_pcapng_open(path, names, 2, &capture);
		if (error == 0) {
			/* CAPTURE release: pairs with send_one. */
			sync_store_release(&w->capture, capture);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return error;
}

void
wire_capture_stop(struct wire *w)
{
	struct wire_pcapng *capture;

	pthread_mutex_lock(&w->lock);
	/* relaxed: written under the lock; the grace period orders the rest. */
	capture = sync_load_relaxed(&w->capture);
	/* relaxed: unpublishes, see above. */
	sync_store_relaxed(&w->capture, NULL);
	pthread_mutex_unlock(&w->lock);
	if (capture == NULL)
		return;
	pserialize_perform();
	wire_pcapng_close(capture);
}

/* One word of the configuration line into cfg or peer. */
static int
parse_word(const struct args_word *word, struct wire_config *cfg,
    char peer[NETIF_NAME_MAX])
{
	uint64_t n = 0;
	int error = 0;

	if (strcmp(word->key, "peer") == 0) {
		if (strlen(word->value) >= NETIF_NAME_MAX)
			return -EINVAL;
		memcpy(peer, word->value, NETIF_NAME_MAX);
	} else if (strcmp(word->key, "rate") == 0) {
		error = args_rate(word->value, &cfg->rate_bps);
	} else if (strcmp(word->key, "delay") == 0) {
		error = args_time(word->value, &cfg->delay_ns);
	} else if (strcmp(word->key, "loss") == 0) {
		error = args_uint(word->value, MILLION, &n);
		cfg->loss_ppm = (uint32_t)n;
	} else if (strcmp(word->key, "reorder") == 0) {
		error = args_uint(word->value, MILLION, &n);
		cfg->reorder_ppm = (uint32_t)n;
	} else if (strcmp(word->key, "seed") == 0) {
		error = args_uint(word->value, UINT64_MAX, &cfg->seed);
	} else if (strcmp(word->key, "queue") == 0) {
		error = args_uint(word->value, QUEUE_LEN_MAX, &n);
		cfg->queue_len = (unsigned)n;
	} else {
		error = -EINVAL;
	}
	return error;
}

static int
attach_both(struct wire *w, struct stack *st, const char *ifname,
    const char *peer, netif_id *out)
{
	netif_id a, b;
	int error = wire_attach(w, 0, st, ifname, &a);

	if (error != 0)
		return error;
	error = wire_attach(w, 1, st, peer, &b);
	if (error != 0) {
		(void)netif_detach(st, a);
		return error;
	}
	*out = a;
	return 0;
}

static int
parse(const char *args, struct wire_config *cfg, char peer[NETIF_NAME_MAX],
    char *err, size_t errlen)
{
	struct args_word word;

	peer[0] = '\0';
	while (args_next(&args, &word))
		if (parse_word(&word, cfg, peer) != 0)
			return args_bad(err, errlen, &word);
	if (peer[0] == '\0')
		return args_fail(
		    err, errlen, -EINVAL, "needs peer=NAME, the other end");
	return 0;
}

static int
wire_driver_check(const char *args, char *err, size_t errlen)
{
	struct wire_config cfg = {.queue_len = 0};
	char peer[NETIF_NAME_MAX];

	return parse(args, &cfg, peer, err, errlen);
}

static int
wire_driver_attach(struct stack *st, const char *ifname, const char *args,
    netif_id *out, char *err, size_t errlen)
{
	struct wire_config cfg = {.queue_len = 0};
	char peer[NETIF_NAME_MAX];
	struct wire *w;
	int error = parse(args, &cfg, peer, err, errlen);

	if (error != 0)
		return error;
	error = wire_create(&cfg, &w);
	if (error == 0) {
		w->paired = true;
		error = attach_both(w, st, ifname, peer, out);
		wire_destroy(w);
	}
	if (error == -EEXIST)
		return args_fail(err, errlen, error,
		    "there is an interface %s already", peer);
	if (error != 0)
		return args_fail(err, errlen, error, "%s", args_reason(error));
	return 0;
}

const struct driver wire_driver = {
    .name = "wire",
    .usage = "NAME peer=NAME [rate=BITS/S] [delay=TIME] [loss=PPM] "
	     "[reorder=PPM] [seed=N] [queue=FRAMES]",
    .check = wire_driver_check,
    .attach = wire_driver_attach,
};
