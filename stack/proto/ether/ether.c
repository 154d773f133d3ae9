/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One pass over a batch: check, note what kind of address it came to, strip,
 * keep.  What is kept moves down in the batch, so the order stays.
 *
 * An EtherType below 0x600 is an IEEE 802.3 length (RFC 1122 2.3.3); nobody
 * registers one, nor the type of a VLAN tag, so both end as DROP_NO_PROTO.
 */

#include "stack/proto/ether/ether.h"

#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/pkt.h"
#include "stack/core/worker.h"

const uint8_t ether_broadcast[ETHER_ADDR_LEN] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/*
 * Is the frame for us?  Notes how it was addressed.  A promiscuous device hands
 * up what is for other stations, which is to be seen, not routed a second time.
 */
static bool
accept_destination(struct pkt *p, const struct netif *nif)
{
	const uint8_t *dst = p->data;

	if (ether_is_group(dst)) {
		p->flags |= memcmp(dst, ether_broadcast, ETHER_ADDR_LEN) == 0
				? PKT_L2_BROADCAST
				: PKT_L2_MULTICAST;
		return true;
	}
	return memcmp(dst, nif->hwaddr, ETHER_ADDR_LEN) == 0;
}

static void
strip(struct pkt *p)
{
	p->proto = (uint16_t)(p->data[12] << 8 | p->data[13]);
	p->data += ETHER_HDR_LEN;
	p->len -= ETHER_HDR_LEN;
}

static void
ether_input(void *state, struct worker *w, struct pkt_batch *in)
{
	const netif_id id = in->n == 0 ? 0 : in->pkt[0]->rx_if;
	const struct netif *nif = netif_lookup(w->stack, id);
	unsigned int kept = 0;

	(void)state;
	SYNC_ASSERT(pserialize_in_read_section());
	if (nif == NULL) {
		pkt_drop_batch(w, in, id, DROP_NETIF_GONE);
		return;
	}
	for (unsigned int i = 0; i < in->n; i++) {
		struct pkt *p = in->pkt[i];

		SYNC_ASSERT(p->rx_if == id);
		if (p->len < ETHER_HDR_LEN) {
			pkt_drop(w, p, id, DROP_ETHER_SHORT);
		} else if (ether_is_group(p->data + ETHER_ADDR_LEN)) {
			pkt_drop(w, p, id, DROP_ETHER_SRC_GROUP);
		} else if (!accept_destination(p, nif)) {
			pkt_drop(w, p, id, DROP_ETHER_NOT_OURS);
		} else {
			strip(p);
			in->pkt[kept++] = p;
		}
	}
	in->n = kept;
	proto_input_runs(w, PROTO_CARRIER_ETHER, in);
}

void
ether_output(struct worker *w, struct netif *nif, const uint8_t *dst,
    uint16_t type, struct pkt *p)
{
	SYNC_ASSERT(pserialize_in_read_section());
	SYNC_ASSERT(pkt_headroom(p) >= ETHER_HDR_LEN);
	p->tx_if = nif->id;
	/* relaxed: one word; a frame may see it a moment late. */
	if (p->len > sync_load_relaxed(&nif->mtu)) {
		pkt_drop(w, p, nif->id, DROP_ETHER_TOO_LONG);
		return;
	}
	p->data -= ETHER_HDR_LEN;
	p->len += ETHER_HDR_LEN;
	memcpy(p->data, dst, ETHER_ADDR_LEN);
	memcpy(p->data + ETHER_ADDR_LEN, nif->hwaddr, ETHER_ADDR_LEN);
	p->data[12] = (uint8_t)(type >> 8);
	p->data[13] = (uint8_t)type;
	netif_output(w, nif, p);
}

const struct proto proto_ether = {
    .name = "ether",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_ETHER,
    .input = ether_input,
};
