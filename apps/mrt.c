/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * RFC 6396: a header of type, subtype and length, then the record.  Numbers of
 * types and the order of fields are those of its sections 4 and 5; RFC 8050 has
 * the subtypes with a path identifier.
 */

#include "apps/mrt.h"

#include <errno.h>
#include <stdlib.h>

#include "apps/array.h"
#include "apps/mrt_impl.h"

enum {
	TABLE_DUMP = 12,
	TABLE_DUMP_V2 = 13,
	BGP4MP = 16,
	BGP4MP_ET = 17
};

enum { /* of TABLE_DUMP_V2 */
	PEER_INDEX_TABLE = 1,
	RIB_IPV4_UNICAST = 2,
	RIB_IPV4_MULTICAST = 3,
	RIB_IPV6_UNICAST = 4,
	RIB_IPV6_MULTICAST = 5,
	RIB_GENERIC = 6,
	GEO_PEER_TABLE = 7, /* RFC 6397 */
	RIB_IPV4_UNICAST_ADDPATH = 8,
	RIB_IPV6_UNICAST_ADDPATH = 10,
	RIB_GENERIC_ADDPATH = 12
};

enum { /* of BGP4MP */
	STATE_CHANGE = 0,
	MESSAGE = 1,
	MESSAGE_AS4 = 4,
	STATE_CHANGE_AS4 = 5,
	MESSAGE_LOCAL = 6,
	MESSAGE_AS4_LOCAL = 7,
	MESSAGE_ADDPATH = 8,
	MESSAGE_AS4_ADDPATH = 9,
	MESSAGE_AS4_LOCAL_ADDPATH = 11
};

#define BGP_MARKER 16
#define BGP_UPDATE 2

void
mrt_init(struct mrt *m)
{
	*m = (struct mrt){.n = 0};
}

void
mrt_fini(struct mrt *m)
{
	free(m->peers);
	free(m->entries);
	mrt_init(m);
}

static bool
is_routing(uint32_t type)
{
	return type == TABLE_DUMP || type == TABLE_DUMP_V2 || type == BGP4MP ||
	       type == BGP4MP_ET;
}

/*
 * Types that were ever given out: OSPF, IS-IS and what RFC 6396 deprecates,
 * but for NULL, 0: what a disk or a download left empty looks like it.
 */
static bool
is_other(uint32_t type)
{
	return (type >= 1 && type <= 11) || type == 32 || type == 33 ||
	       type == 48 || type == 49;
}

bool
mrt_is(const uint8_t *data, size_t len)
{
	struct mrt_header h;

	if (len < MRT_HEADER)
		return false;
	mrt_header_parse(data, &h);
	return (is_routing(h.type) || is_other(h.type)) &&
	       h.length <= TABLEFILE_RECORD_MAX;
}

void
mrt_header_parse(const uint8_t data[MRT_HEADER], struct mrt_header *out)
{
	struct mrt_cursor c = {.p = data, .n = MRT_HEADER};

	out->time = mrt_cursor_number(&c, 4);
	out->type = (uint16_t)mrt_cursor_number(&c, 2);
	out->subtype = (uint16_t)mrt_cursor_number(&c, 2);
	out->length = mrt_cursor_number(&c, 4);
}

int
mrt_add(
    struct mrt *m, const struct tablefile_entry *entry, struct words_error *e)
{
	if (array_reserve(&m->entries, &m->room, m->n, sizeof(*entry)) != 0) {
		words_fail(e, NULL, "%s", words_strerror(ENOMEM));
		return -ENOMEM;
	}
	m->entries[m->n++] = *entry;
	return 0;
}

static int
fail_length(struct words_error *e)
{
	return words_fail(e, NULL, "the record is shorter than what is in it");
}

/* RFC 6396 4.2: one route. */
static int
table_dump(struct mrt *m, const struct mrt_header *h, struct mrt_cursor c,
    struct words_error *e)
{
	const size_t size = h->subtype == MRT_AFI_INET6 ? 16 : 4;
	struct tablefile_entry r = {.usec = UINT64_C(1000000) * h->time,
	    .family = h->subtype == MRT_AFI_INET6 ? 6 : 4};
	struct mrt_cursor attrs;
	int rc;

	if (h->subtype != MRT_AFI_INET && h->subtype != MRT_AFI_INET6)
		return words_fail(
		    e, NULL, "address family %u of a TABLE_DUMP", h->subtype);
	mrt_cursor_bytes(&c, 4); /* view and sequence number */
	mrt_cursor_copy(&c, r.prefix, size);
	r.plen = (uint8_t)mrt_cursor_number(&c, 1);
	mrt_cursor_bytes(&c, 5); /* status, time */
	r.peer_family = r.family;
	mrt_cursor_copy(&c, r.peer, size);
	mrt_cursor_bytes(&c, 2); /* AS */
	attrs = mrt_cursor_cut(&c, mrt_cursor_number(&c, 2));
	if (c.over)
		return fail_length(e);
	if (c.n != 0)
		return words_fail(e, NULL, "%zu bytes too many", c.n);
	if (r.plen > size * 8)
		return words_fail(e, NULL, "a prefix of %u bits", r.plen);
	for (size_t bit = r.plen; bit < size * 8; bit++)
		r.prefix[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	rc = mrt_bgp_hop(attrs, &r, e);
	if (rc != 0)
		return rc;
	r.again = m->last.family == r.family && m->last.plen == r.plen &&
		  memcmp(m->last.prefix, r.prefix, sizeof(r.prefix)) == 0;
	m->last = r;
	return mrt_add(m, &r, e);
}

/* RFC 6396 4.3.1. */
static int
peer_index(struct mrt *m, struct mrt_cursor c, struct words_error *e)
{
	struct mrt_peer *peers;
	size_t n;

	mrt_cursor_bytes(&c, 4); /* the collector */
	mrt_cursor_bytes(&c, mrt_cursor_number(&c, 2));
	n = mrt_cursor_number(&c, 2);
	peers = calloc(n + 1, sizeof(*peers));
	if (peers == NULL) {
		words_fail(e, NULL, "%s", words_strerror(ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const uint32_t type = mrt_cursor_number(&c, 1);

		mrt_cursor_bytes(&c, 4); /* BGP id */
		peers[i].family = (type & 1) != 0 ? 6 : 4;
		mrt_cursor_copy(&c, peers[i].addr, (type & 1) != 0 ? 16 : 4);
		mrt_cursor_bytes(&c, (type & 2) != 0 ? 4 : 2);
	}
	if (c.over || c.n != 0) {
		free(peers);
		return c.over ? fail_length(e)
			      : words_fail(e, NULL, "%zu bytes too many", c.n);
	}
	free(m->peers);
	m->peers = peers;
	m->npeers = n;
	m->indexed = true;
	return 0;
}

/* RFC 6396 4.3.4: one peer's route. */
static int
rib_entry(struct mrt *m, struct mrt_cursor *c, bool addpath,
    struct tablefile_entry *r, struct words_error *e)
{
	const uint32_t peer = mrt_cursor_number(c, 2);
	struct mrt_cursor attrs;
	int rc;

	r->usec = UINT64_C(1000000) * mrt_cursor_number(c, 4);
	if (addpath)
		mrt_cursor_bytes(c, 4);
	attrs = mrt_cursor_cut(c, mrt_cursor_number(c, 2));
	if (c->over)
		return fail_length(e);
	if (peer >= m->npeers)
		return words_fail(
		    e, NULL, "peer %u of %zu", (unsigned int)peer, m->npeers);
	r->peer_family = m->peers[peer].family;
	memcpy(r->peer, m->peers[peer].addr, sizeof(r->peer));
	r->hop_kind = TABLEFILE_HOP_NONE;
	rc = mrt_bgp_hop(attrs, r, e);
	return rc != 0 ? rc : mrt_add(m, r, e);
}

/* RFC 6396 4.3.2: all peers' routes to one prefix. */
static int
rib(struct mrt *m, uint8_t family, bool addpath, struct mrt_cursor c,
    struct words_error *e)
{
	struct tablefile_entry r = {.family = family};
	size_t n;
	int rc;

	if (!m->indexed)
		return words_fail(e, NULL, "no index of the peers before it");
	mrt_cursor_bytes(&c, 4); /* sequence number */
	rc = mrt_bgp_prefix(&c, family, &r, e);
	n = mrt_cursor_number(&c, 2);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = rib_entry(m, &c, addpath, &r, e);
		r.again = true;
	}
	if (rc == 0 && c.over)
		return fail_length(e);
	if (rc == 0 && c.n != 0)
		return words_fail(e, NULL, "%zu bytes too many", c.n);
	return rc;
}

static int
table_dump_v2(struct mrt *m, const struct mrt_header *h, struct mrt_cursor c,
    struct words_error *e)
{
	switch (h->subtype) {
	case PEER_INDEX_TABLE:
		return peer_index(m, c, e);
	case RIB_IPV4_UNICAST:
	case RIB_IPV4_UNICAST_ADDPATH:
		return rib(m, 4, h->subtype == RIB_IPV4_UNICAST_ADDPATH, c, e);
	case RIB_IPV6_UNICAST:
	case RIB_IPV6_UNICAST_ADDPATH:
		return rib(m, 6, h->subtype == RIB_IPV6_UNICAST_ADDPATH, c, e);
	default:
		return h->subtype >= 1 && h->subtype <= RIB_GENERIC_ADDPATH
			   ? 0 /* multicast, labelled, where peers are */
			   : words_fail(e, NULL, "subtype %u of TABLE_DUMP_V2",
				 h->subtype);
	}
}

/* RFC 6396 4.4: a message that a peer sent. */
static int
message(struct mrt *m, bool as4, bool addpath, uint64_t usec,
    struct mrt_cursor c, struct words_error *e)
{
	struct tablefile_entry base = {.usec = usec};
	uint32_t afi, len, type;
	size_t size;

	mrt_cursor_bytes(&c, as4 ? 8 : 4); /* the AS of both */
	mrt_cursor_bytes(&c, 2);           /* interface */
	afi = mrt_cursor_number(&c, 2);
	if (afi != MRT_AFI_INET && afi != MRT_AFI_INET6)
		return words_fail(
		    e, NULL, "a peer of address family %u", (unsigned int)afi);
	size = afi == MRT_AFI_INET6 ? 16 : 4;
	base.peer_family = afi == MRT_AFI_INET6 ? 6 : 4;
	mrt_cursor_copy(&c, base.peer, size);
	mrt_cursor_bytes(&c, size); /* the collector */
	mrt_cursor_bytes(&c, BGP_MARKER);
	len = mrt_cursor_number(&c, 2);
	type = mrt_cursor_number(&c, 1);
	if (c.over)
		return fail_length(e);
	if (len != c.n + BGP_MARKER + 3)
		return words_fail(e, NULL,
		    "a message of %u bytes, and %zu are there",
		    (unsigned int)len, c.n + BGP_MARKER + 3);
	return type == BGP_UPDATE ? mrt_bgp_update(m, c, addpath, &base, e) : 0;
}

static int
bgp4mp(struct mrt *m, const struct mrt_header *h, struct mrt_cursor c,
    struct words_error *e)
{
	uint64_t usec = UINT64_C(1000000) * h->time;

	if (h->type == BGP4MP_ET)
		usec += mrt_cursor_number(&c, 4);
	switch (h->subtype) {
	case MESSAGE:
	case MESSAGE_AS4:
		return message(m, h->subtype == MESSAGE_AS4, false, usec, c, e);
	case MESSAGE_ADDPATH:
	case MESSAGE_AS4_ADDPATH:
		return message(
		    m, h->subtype == MESSAGE_AS4_ADDPATH, true, usec, c, e);
	default:
		return h->subtype <= MESSAGE_AS4_LOCAL_ADDPATH
			   ? 0 /* states, and what the collector itself sent */
			   : words_fail(
				 e, NULL, "subtype %u of BGP4MP", h->subtype);
	}
}

int
mrt_decode(struct mrt *m, const struct mrt_header *h, const uint8_t *body,
    struct words_error *e)
{
	const struct mrt_cursor c = {.p = body, .n = h->length};
	int rc = 0;

	m->n = 0;
	if (h->type == TABLE_DUMP)
		rc = table_dump(m, h, c, e);
	else if (h->type == TABLE_DUMP_V2)
		rc = table_dump_v2(m, h, c, e);
	else if (is_routing(h->type))
		rc = bgp4mp(m, h, c, e);
	else if (!is_other(h->type))
		rc = words_fail(e, NULL, "type %u of MRT", h->type);
	if (rc != 0)
		m->n = 0;
	return rc;
}
