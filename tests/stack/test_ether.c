/* SPDX-License-Identifier: BSD-2-Clause */

#include "stack/proto/ether/ether.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/stack/ethdev.h"

#define TYPE_A 0x88b5 /* local experiments, IEEE 802 */
#define TYPE_B 0x88b6

/* What came through, in order: the type's last digit, length, flags. */
static struct seen {
	unsigned int n, batches;
	struct {
		uint16_t type;
		uint32_t len, flags;
		uint8_t first;
	} pkt[ETHDEV_FRAMES];
} seen;

static void
take(uint16_t type, struct worker *w, struct pkt_batch *in)
{
	seen.batches++;
	for (unsigned int i = 0; i < in->n; i++) {
		const struct pkt *p = in->pkt[i];

		seen.pkt[seen.n].type = type;
		seen.pkt[seen.n].len = p->len;
		seen.pkt[seen.n].flags = p->flags;
		seen.pkt[seen.n++].first = p->len > 0 ? p->data[0] : 0;
		pkt_free(w, in->pkt[i]);
	}
	in->n = 0;
}

static void
take_a(void *state, struct worker *w, struct pkt_batch *in)
{
	(void)state;
	take(TYPE_A, w, in);
}

static void
take_b(void *state, struct worker *w, struct pkt_batch *in)
{
	(void)state;
	take(TYPE_B, w, in);
}

static const struct proto proto_a = {
    .name = "a",
    .carrier = PROTO_CARRIER_ETHER,
    .number = TYPE_A,
    .input = take_a,
};
static const struct proto proto_b = {
    .name = "b",
    .carrier = PROTO_CARRIER_ETHER,
    .number = TYPE_B,
    .input = take_b,
};
static const struct proto *const protos[] = {
    &proto_ether, &proto_a, &proto_b, NULL};

static const uint8_t peer[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};

static struct stack *st;
static struct ethdev *dev;
static netif_id id;
static uint64_t now;

static void
begin(void)
{
	dev = calloc(1, sizeof(*dev));
	cr_assert_not_null(dev);
	st = ethdev_stack(protos, 1, &now);
	id = ethdev_attach(st, dev);
}

static void
end(void)
{
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
	free(dev);
}

TestSuite(ether, .init = begin, .fini = end);

/* Receive a frame with one byte of payload. */
static void
put(const uint8_t *dst, const uint8_t *src, uint16_t type, uint8_t payload)
{
	struct ethdev_frame *f = &dev->rx[dev->nrx++];

	memcpy(f->data, dst, 6);
	memcpy(f->data + 6, src, 6);
	f->data[12] = (uint8_t)(type >> 8);
	f->data[13] = (uint8_t)type;
	f->data[14] = payload;
	f->len = ETHER_HDR_LEN + 1;
}

Test(ether, header_is_stripped)
{
	put(ethdev_hwaddr, peer, TYPE_A, 7);
	ethdev_settle(st);
	cr_assert_eq(seen.n, 1);
	cr_assert_eq(seen.pkt[0].len, 1);
	cr_assert_eq(seen.pkt[0].first, 7);
	cr_assert_eq(seen.pkt[0].flags, 0);
}

Test(ether, group_addresses_are_noted)
{
	put(ether_broadcast, peer, TYPE_A, 1);
	put(group, peer, TYPE_A, 2);
	ethdev_settle(st);
	cr_assert_eq(seen.n, 2);
	cr_assert_eq(seen.pkt[0].flags, PKT_L2_BROADCAST);
	cr_assert_eq(seen.pkt[1].flags, PKT_L2_MULTICAST);
}

Test(ether, short_frames_are_dropped_by_name)
{
	for (size_t len = 0; len < ETHER_HDR_LEN; len++) {
		put(ethdev_hwaddr, peer, TYPE_A, 1);
		dev->rx[dev->nrx - 1].len = len;
	}
	ethdev_settle(st);
	cr_assert_eq(seen.n, 0);
	cr_assert_eq(ethdev_drops(st, id, DROP_ETHER_SHORT), ETHER_HDR_LEN);
}

Test(ether, header_alone_is_an_empty_payload)
{
	put(ethdev_hwaddr, peer, TYPE_A, 1);
	dev->rx[0].len = ETHER_HDR_LEN;
	ethdev_settle(st);
	cr_assert_eq(seen.n, 1);
	cr_assert_eq(seen.pkt[0].len, 0);
}

Test(ether, group_source_is_dropped_by_name)
{
	put(ethdev_hwaddr, group, TYPE_A, 1);
	put(ethdev_hwaddr, ether_broadcast, TYPE_A, 1);
	ethdev_settle(st);
	cr_assert_eq(seen.n, 0);
	cr_assert_eq(ethdev_drops(st, id, DROP_ETHER_SRC_GROUP), 2);
}

Test(ether, frame_to_another_station_is_dropped_even_if_promiscuous)
{
	put(peer, peer, TYPE_A, 1);
	ethdev_settle(st);
	cr_assert_eq(netif_set_flags(st, id, NETIF_PROMISC, 0), 0);
	put(peer, peer, TYPE_A, 1);
	ethdev_settle(st);
	cr_assert_eq(seen.n, 0);
	cr_assert_eq(ethdev_drops(st, id, DROP_ETHER_NOT_OURS), 2);
}

Test(ether, lengths_tags_and_unknown_types_have_no_protocol)
{
	put(ethdev_hwaddr, peer, 46, 1);
	put(ethdev_hwaddr, peer, 0x5ff, 1);
	put(ethdev_hwaddr, peer, 0x8100, 1);
	put(ethdev_hwaddr, peer, 0x88a8, 1);
	put(ethdev_hwaddr, peer, 0x9000, 1);
	ethdev_settle(st);
	cr_assert_eq(ethdev_drops(st, id, DROP_NO_PROTO), 5);
}

Test(ether, runs_of_a_type_stay_together_and_in_order)
{
	static const uint16_t types[] = {
	    TYPE_A, TYPE_A, TYPE_B, TYPE_A, TYPE_B, TYPE_B};
	const unsigned int n = sizeof(types) / sizeof(types[0]);

	for (unsigned int i = 0; i < n; i++) {
		put(ethdev_hwaddr, peer, types[i], (uint8_t)i);
		put(peer, peer, types[i], 0xff); /* not ours: in between */
	}
	ethdev_settle(st);
	cr_assert_eq(seen.n, n);
	cr_assert_eq(seen.batches, 4);
	for (unsigned int i = 0; i < n; i++) {
		cr_assert_eq(seen.pkt[i].type, types[i]);
		cr_assert_eq(seen.pkt[i].first, i);
	}
}

static int
output(struct worker *w, void *arg)
{
	struct netif *nif = netif_lookup(w->stack, id);
	struct pkt *p = pkt_alloc(w);

	cr_assert_not_null(p);
	p->len = *(const uint32_t *)arg;
	memset(p->data, 0xaa, p->len);
	ether_output(w, nif, peer, TYPE_B, p);
	return 0;
}

Test(ether, output_prepends_the_header)
{
	uint32_t len = 20;

	cr_assert_eq(worker_call(stack_worker(st, 0), output, &len), 0);
	ethdev_settle(st);
	cr_assert_eq(dev->ntx, 1);
	cr_assert_eq(dev->tx[0].len, ETHER_HDR_LEN + 20);
	cr_assert_arr_eq(dev->tx[0].data, peer, 6);
	cr_assert_arr_eq(dev->tx[0].data + 6, ethdev_hwaddr, 6);
	cr_assert_eq(dev->tx[0].data[12], TYPE_B >> 8);
	cr_assert_eq(dev->tx[0].data[13], TYPE_B & 0xff);
	cr_assert_eq(dev->tx[0].data[14], 0xaa);
}

Test(ether, output_beyond_the_mtu_is_dropped_by_name)
{
	uint32_t len = 1500;

	cr_assert_eq(worker_call(stack_worker(st, 0), output, &len), 0);
	len = 1501;
	cr_assert_eq(worker_call(stack_worker(st, 0), output, &len), 0);
	ethdev_settle(st);
	cr_assert_eq(dev->ntx, 1);
	cr_assert_eq(ethdev_drops(st, id, DROP_ETHER_TOO_LONG), 1);
}
