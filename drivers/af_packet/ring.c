/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * packet_mmap (Documentation/networking/packet_mmap.rst of Linux).  The
 * receive ring is a ring of blocks, which the kernel fills with frames of
 * varying length and hands over when full or after RETIRE_MS; the transmit
 * ring is one of slots of equal length.  In both a PACKET_VNET_HDR stands in
 * front of each frame.
 *
 * Invariants
 *   I1  Of the receive ring we own the block at rx_block while it is open, and
 *       what stands behind rx_frame in it is not read yet.
 *   I2  Of the transmit ring we own the slots that are AVAILABLE.  The kernel
 *       looks at SEND_REQUEST slots only inside our own sendto().
 *
 * Ordering pairs
 *   BLOCK  the kernel stores a block's status (release) -> block_status loads
 *          it (acquire): the frames lie there; close_block stores it (release) ->
 *          the kernel loads it: we have read them.
 *   SLOT   fill stores a slot's status (release) -> the kernel loads it: the
 *          frame lies there; the kernel stores it (release) -> fill loads it
 *          (acquire): the frame has been sent.
 */

#include "drivers/af_packet/ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/offload/segment.h"
#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "stack/core/netif.h"
#include "stack/core/worker.h"

/* A super-frame of 64 KiB fits a block several times. */
#define RX_BLOCK_SIZE ((size_t)256 * 1024)
#define RX_BLOCKS     24u
#define RX_FRAME_SIZE ((size_t)2048) /* only a formality in version 3 */
#define RETIRE_MS     1
#define TX_BLOCK_SIZE ((size_t)64 * 1024)
#define TX_BLOCKS     32u
#define TX_SLOT_SIZE  ((size_t)4096)
#define TX_SLOTS      512u
#define MAP_SIZE      (RX_BLOCK_SIZE * RX_BLOCKS + TX_BLOCK_SIZE * TX_BLOCKS)
#define TX_SNDBUF     (4 * 1024 * 1024)
#define TRIES_MAX     (2 * PKT_BATCH_MAX)
#define VLAN_TAG      4
#define MACS          ((size_t)12) /* both addresses */
#define VNET_HDR      sizeof(struct virtio_net_hdr)

_Static_assert(
    TPACKET_ALIGN(sizeof(struct tpacket3_hdr)) + VNET_HDR + PKT_ROOM <=
	TX_SLOT_SIZE,
    "a packet fits a slot");

/* A status word that we share with the kernel. */
struct status {
	SYNC_ATOMIC(uint32_t) v;
};

/* [c] constant  [o] the worker */
struct af_packet_ring {
	int fd;       /* [c] */
	uint8_t *map; /* [c] receive ring, then transmit ring */

	unsigned int rx_block;         /* [o] next or open */
	bool rx_open;                  /* [o] */
	uint32_t rx_left;              /* [o] frames of the block not begun */
	const uint8_t *rx_frame;       /* [o] the next of them */
	struct offload_segment rx_cut; /* [o] the frame being turned in */
	bool rx_cutting;               /* [o] */
	bool rx_tagged;                /* [o] its VLAN tag was taken off */
	uint8_t rx_tag[VLAN_TAG];      /* [o] */

	unsigned int tx_slot; /* [o] next to fill */
	bool tx_waiting;      /* [o] some were not taken by the kernel */
};

static struct status *
status_of(uint32_t *word)
{
	return (struct status *)word;
}

/* ---------------------------------------------------------------- create */

static int
set_int(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) == 0
		   ? 0
		   : -errno;
}

static int
make_rings(struct af_packet_ring *r)
{
	const struct tpacket_req3 rx = {
	    .tp_block_size = RX_BLOCK_SIZE,
	    .tp_block_nr = RX_BLOCKS,
	    .tp_frame_size = RX_FRAME_SIZE,
	    .tp_frame_nr = RX_BLOCKS * (RX_BLOCK_SIZE / RX_FRAME_SIZE),
	    .tp_retire_blk_tov = RETIRE_MS,
	};
	const struct tpacket_req3 tx = {
	    .tp_block_size = TX_BLOCK_SIZE,
	    .tp_block_nr = TX_BLOCKS,
	    .tp_frame_size = TX_SLOT_SIZE,
	    .tp_frame_nr = TX_SLOTS,
	};
	void *map;

	if (setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &rx, sizeof(rx)) !=
		0 ||
	    setsockopt(r->fd, SOL_PACKET, PACKET_TX_RING, &tx, sizeof(tx)) != 0)
		return -errno;
	map =
	    mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	return 0;
}

static int
set_options(int fd)
{
	static const struct {
		int name, value;
	} options[] = {
	    {PACKET_VERSION, TPACKET_V3},
	    {PACKET_VNET_HDR, 1},
	    {PACKET_IGNORE_OUTGOING, 1},
	    /* A frame that the kernel refuses does not block its slot. */
	    {PACKET_LOSS, 1},
	};
	const int sndbuf = TX_SNDBUF;
	int error = 0;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (error == 0)
			error = set_int(fd, options[i].name, options[i].value);
	/* Room for a full ring; with less, sending takes more turns. */
	if (setsockopt(
		fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf)) != 0)
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	return error;
}

int
af_packet_ring_create(struct af_packet_ring **out)
{
	struct af_packet_ring *r = calloc(1, sizeof(*r));
	int error;

	if (r == NULL)
		return -ENOMEM;
	/* Protocol 0: it receives nothing until it is bound. */
	r->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0) {
		error = -errno;
		goto free_r;
	}
	error = set_options(r->fd);
	if (error == 0)
		error = make_rings(r);
	if (error != 0)
		goto close_fd;
	*out = r;
	return 0;

close_fd:
	close(r->fd);
free_r:
	free(r);
	return error;
}

void
af_packet_ring_destroy(struct af_packet_ring *r)
{
	munmap(r->map, MAP_SIZE);
	close(r->fd);
	free(r);
}

/* Let nothing in, or everything again. */
static int
set_filter(int fd, bool shut)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog prog = {.len = 1, .filter = &nothing};
	const int none = 0;
	int error;

	if (shut)
		error = setsockopt(
		    fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	else
		error = setsockopt(
		    fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
	return error == 0 ? 0 : -errno;
}

static int
bind_one(int fd, int ifindex)
{
	const struct sockaddr_ll sll = {
	    .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	    .sll_ifindex = ifindex,
	};

	return bind(fd, (const struct sockaddr *)&sll, sizeof(sll)) == 0
		   ? 0
		   : -errno;
}

/* The first member makes a group of a new id, which the others join. */
static int
join_group(struct af_packet_ring *const *rings, unsigned int n)
{
	int arg = (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
	socklen_t len = sizeof(arg);
	int error = set_int(rings[0]->fd, PACKET_FANOUT, arg);

	if (error != 0)
		return error;
	if (getsockopt(rings[0]->fd, SOL_PACKET, PACKET_FANOUT, &arg, &len) !=
	    0)
		return -errno;
	arg = (arg & 0xffff) | PACKET_FANOUT_HASH << 16;
	for (unsigned int i = 1; i < n && error == 0; i++)
		error = set_int(rings[i]->fd, PACKET_FANOUT, arg);
	return error;
}

int
af_packet_ring_bind(
    struct af_packet_ring *const *rings, unsigned int n, int ifindex)
{
	int error = 0;

	/* Until all have joined, each would get every frame. */
	for (unsigned int i = 0; i < n && error == 0; i++) {
		if (n > 1)
			error = set_filter(rings[i]->fd, true);
		if (error == 0)
			error = bind_one(rings[i]->fd, ifindex);
	}
	if (n == 1 || error != 0)
		return error;
	error = join_group(rings, n);
	for (unsigned int i = 0; i < n && error == 0; i++)
		error = set_filter(rings[i]->fd, false);
	return error;
}

int
af_packet_ring_promisc(struct af_packet_ring *r, int ifindex, bool on)
{
	const struct packet_mreq mr = {
	    .mr_ifindex = ifindex,
	    .mr_type = PACKET_MR_PROMISC,
	};

	return setsockopt(r->fd, SOL_PACKET,
		   on ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, &mr,
		   sizeof(mr)) == 0
		   ? 0
		   : -errno;
}

/* --------------------------------------------------------------- receive */

static struct tpacket_block_desc *
block_at(const struct af_packet_ring *r, unsigned int i)
{
	return (struct tpacket_block_desc *)(r->map + i * RX_BLOCK_SIZE);
}

static uint32_t
block_status(struct tpacket_block_desc *b)
{
	/* BLOCK acquire: pairs with the kernel's release. */
	return sync_load_acquire(&status_of(&b->hdr.bh1.block_status)->v);
}

/* The kernel marks blocks after it had no room for frames. */
static void
count_overrun(struct af_packet_ring *r, struct netif *nif, struct worker *w)
{
	struct tpacket_stats_v3 stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) ==
		0 &&
	    stats.tp_drops != 0)
		netif_count(
		    w, nif, NETIF_DROPS + DROP_RX_OVERRUN, stats.tp_drops);
}

static bool
open_block(struct af_packet_ring *r, struct netif *nif, struct worker *w)
{
	struct tpacket_block_desc *b = block_at(r, r->rx_block);
	const uint32_t status = block_status(b);

	if ((status & TP_STATUS_USER) == 0)
		return false;
	if ((status & TP_STATUS_LOSING) != 0)
		count_overrun(r, nif, w);
	r->rx_open = true;
	r->rx_left = b->hdr.bh1.num_pkts;
	r->rx_frame = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
	return true;
}

static void
close_block(struct af_packet_ring *r)
{
	struct tpacket_block_desc *b = block_at(r, r->rx_block);

	/* BLOCK release: pairs with the kernel's acquire. */
	sync_store_release(
	    &status_of(&b->hdr.bh1.block_status)->v, TP_STATUS_KERNEL);
	r->rx_open = false;
	r->rx_block = (r->rx_block + 1) % RX_BLOCKS;
}

/* A tag that the kernel took off goes on again: it is part of the frame. */
static void
note_tag(struct af_packet_ring *r, const struct tpacket3_hdr *h)
{
	const bool typed = (h->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
	const uint16_t tpid = typed ? h->hv1.tp_vlan_tpid : ETH_P_8021Q;

	r->rx_tagged = (h->tp_status & TP_STATUS_VLAN_VALID) != 0;
	r->rx_tag[0] = (uint8_t)(tpid >> 8);
	r->rx_tag[1] = (uint8_t)tpid;
	r->rx_tag[2] = (uint8_t)(h->hv1.tp_vlan_tci >> 8);
	r->rx_tag[3] = (uint8_t)h->hv1.tp_vlan_tci;
}

/*
 * Begin the next frame of the open block.  The vnet header stands in front of
 * the MAC header; a frame that did not fit its block has none.
 */
static void
begin_frame(struct af_packet_ring *r, struct netif *nif, struct worker *w)
{
	const struct tpacket3_hdr *h = (const void *)r->rx_frame;
	const uint8_t *data = r->rx_frame + h->tp_mac;
	struct virtio_net_hdr vh;

	r->rx_left--;
	r->rx_frame += h->tp_next_offset;
	if (h->tp_snaplen < h->tp_len) {
		netif_count(w, nif, NETIF_DROPS + DROP_RX_TOO_LONG, 1);
		return;
	}
	memcpy(&vh, data - VNET_HDR, VNET_HDR);
	if (vh.gso_type == VIRTIO_NET_HDR_GSO_NONE && h->tp_len > PKT_ROOM) {
		netif_count(w, nif, NETIF_DROPS + DROP_RX_TOO_LONG, 1);
		return;
	}
	if (offload_segment_begin(
		&r->rx_cut, &vh, data, h->tp_snaplen, PKT_ROOM) != 0) {
		netif_count(w, nif, NETIF_DROPS + DROP_RX_OFFLOAD, 1);
		return;
	}
	note_tag(r, h);
	r->rx_cutting = true;
}

/* The next finished frame of the one being turned in. */
static void
take_segment(struct af_packet_ring *r, struct netif *nif, struct worker *w,
    struct pkt_batch *b)
{
	struct pkt *p = pkt_alloc(w);

	if (p == NULL) {
		netif_count(w, nif, NETIF_DROPS + DROP_NO_BUFFER, 1);
		r->rx_cutting = false;
		return;
	}
	p->len = (uint32_t)offload_segment_next(&r->rx_cut, p->data);
	r->rx_cutting = !r->rx_cut.finished;
	if (r->rx_tagged && p->len >= MACS) {
		memmove(p->data - VLAN_TAG, p->data, MACS);
		p->data -= VLAN_TAG;
		p->len += VLAN_TAG;
		memcpy(p->data + MACS, r->rx_tag, VLAN_TAG);
	}
	pkt_batch_add(b, p);
}

static void kick(struct af_packet_ring *r, struct netif *nif, struct worker *w);

void
af_packet_ring_receive(struct af_packet_ring *r, struct netif *nif,
    struct worker *w, struct pkt_batch *b)
{
	/* Frames that are dropped count too: no turn is longer than others. */
	for (unsigned int i = 0; i < TRIES_MAX; i++) {
		if (b->n == PKT_BATCH_MAX)
			break;
		if (r->rx_cutting)
			take_segment(r, nif, w, b);
		else if (r->rx_left != 0)
			begin_frame(r, nif, w);
		else if (r->rx_open)
			close_block(r);
		else if (!open_block(r, nif, w))
			break;
	}
	/* All that was read is given back at once, not in the next turn. */
	if (r->rx_open && r->rx_left == 0 && !r->rx_cutting)
		close_block(r);
	if (r->tx_waiting)
		kick(r, nif, w);
}

bool
af_packet_ring_arm(struct af_packet_ring *r, int *fd)
{
	int error;
	socklen_t len = sizeof(error);

	/* An error of the past would keep the descriptor ready for ever. */
	(void)getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	*fd = r->fd;
	return r->rx_open || r->tx_waiting ||
	       (block_status(block_at(r, r->rx_block)) & TP_STATUS_USER) != 0;
}

/* -------------------------------------------------------------- transmit */

static struct tpacket3_hdr *
slot_at(const struct af_packet_ring *r, unsigned int i)
{
	return (struct tpacket3_hdr *)(r->map +
				       (size_t)RX_BLOCK_SIZE * RX_BLOCKS +
				       (size_t)i * TX_SLOT_SIZE);
}

/* Put a frame into the next slot; false: the ring is full. */
static bool
fill(struct af_packet_ring *r, const struct pkt *p)
{
	struct tpacket3_hdr *h = slot_at(r, r->tx_slot);
	uint8_t *at = (uint8_t *)h + TPACKET_ALIGN(sizeof(*h));

	/* SLOT acquire: pairs with the kernel's release. */
	if (sync_load_acquire(&status_of(&h->tp_status)->v) !=
	    TP_STATUS_AVAILABLE)
		return false;
	memset(at, 0, VNET_HDR); /* nothing is left to the device */
	memcpy(at + VNET_HDR, p->data, p->len);
	h->tp_next_offset = 0;
	h->tp_len = (uint32_t)(VNET_HDR + p->len);
	h->tp_snaplen = h->tp_len;
	/* SLOT release: pairs with the kernel's acquire. */
	sync_store_release(
	    &status_of(&h->tp_status)->v, TP_STATUS_SEND_REQUEST);
	r->tx_slot = (r->tx_slot + 1) % TX_SLOTS;
	return true;
}

/* Take back what the kernel did not send (I2). */
static uint64_t
take_back(struct af_packet_ring *r)
{
	uint64_t n = 0;

	for (; n < TX_SLOTS; n++) {
		const unsigned int last =
		    (r->tx_slot + TX_SLOTS - 1) % TX_SLOTS;
		struct status *s = status_of(&slot_at(r, last)->tp_status);

		/* SLOT acquire: pairs with the kernel's release. */
		if (sync_load_acquire(&s->v) != TP_STATUS_SEND_REQUEST)
			break;
		/* SLOT release: pairs with the kernel's acquire. */
		sync_store_release(&s->v, TP_STATUS_AVAILABLE);
		r->tx_slot = last;
	}
	return n;
}

/* Did the kernel leave the newest slot? */
static bool
is_left(const struct af_packet_ring *r)
{
	const unsigned int last = (r->tx_slot + TX_SLOTS - 1) % TX_SLOTS;

	/* SLOT acquire: pairs with the kernel's release. */
	return sync_load_acquire(&status_of(&slot_at(r, last)->tp_status)->v) ==
	       TP_STATUS_SEND_REQUEST;
}

/* Make the kernel send what was filled; what it leaves waits for a turn. */
static void
kick(struct af_packet_ring *r, struct netif *nif, struct worker *w)
{
	const ssize_t n = sendto(r->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	unsigned int reason = DROP_TX_ERROR;

	r->tx_waiting = is_left(r);
	if (n >= 0)
		return;
	switch (errno) {
	case EAGAIN:
	case EINTR:
		return;
	case ENOBUFS: /* the queue of the device dropped one */
		netif_count(w, nif, NETIF_DROPS + DROP_TX_FULL, 1);
		return;
	case ENETDOWN:
		reason = DROP_NETIF_DOWN;
		break;
	case ENXIO:
	case ENODEV:
		reason = DROP_NETIF_GONE;
		break;
	default:
		break;
	}
	netif_count(w, nif, NETIF_DROPS + reason, take_back(r));
	r->tx_waiting = false;
}

void
af_packet_ring_send(struct af_packet_ring *r, struct netif *nif,
    struct worker *w, struct pkt_batch *b, size_t max)
{
	for (unsigned int i = 0; i < b->n; i++) {
		struct pkt *p = b->pkt[i];

		if (p->len < ETH_HLEN || p->len > max || p->len > PKT_ROOM)
			pkt_drop(w, p, nif->id, DROP_TX_ERROR);
		else if (!fill(r, p))
			pkt_drop(w, p, nif->id, DROP_TX_FULL);
		else
			pkt_free(w, p);
	}
	b->n = 0;
	kick(r, nif, w);
}
