/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * BGP inside MRT: UPDATE messages (RFC 4271 4.3), other families in attributes
 * of theirs (RFC 4760), path identifiers (RFC 7911), and next hops of IPv6 for
 * prefixes of IPv4 (RFC 8950).
 */

#include <errno.h>

#include "apps/mrt_impl.h"

enum {
	ATTR_NEXT_HOP = 3,
	ATTR_MP_REACH = 14,
	ATTR_MP_UNREACH = 15
};

#define ATTR_FLAG_LONG 0x10 /* its length has two bytes */

struct attr {
	uint8_t type;
	struct mrt_cursor value;
};

/* Cut the next attribute.  Returns: 1, 0 at the end, or -EINVAL. */
static int
next_attr(struct mrt_cursor *c, struct attr *out, struct words_error *e)
{
	uint32_t flags;

	if (c->n == 0)
		return 0;
	flags = mrt_cursor_number(c, 1);
	out->type = (uint8_t)mrt_cursor_number(c, 1);
	out->value = mrt_cursor_cut(
	    c, mrt_cursor_number(c, (flags & ATTR_FLAG_LONG) != 0 ? 2 : 1));
	return c->over ? words_fail(e, NULL,
			     "the attributes are shorter than the last of them")
		       : 1;
}

int
mrt_bgp_prefix(struct mrt_cursor *c, uint8_t family,
    struct tablefile_entry *out, struct words_error *e)
{
	const uint32_t plen = mrt_cursor_number(c, 1);

	if (plen > (family == 6 ? 128 : 32))
		return words_fail(
		    e, NULL, "a prefix of %u bits", (unsigned int)plen);
	memset(out->prefix, 0, sizeof(out->prefix));
	mrt_cursor_copy(c, out->prefix, (plen + 7) / 8);
	if (c->over)
		return words_fail(e, NULL, "a prefix is cut short");
	/* The rest of the last byte says nothing. */
	if (plen % 8 != 0)
		out->prefix[plen / 8] &= (uint8_t)(0xff00u >> plen % 8);
	out->plen = (uint8_t)plen;
	out->family = family;
	return 0;
}

static int
set_hop(struct mrt_cursor c, struct tablefile_entry *out, struct words_error *e)
{
	static const uint8_t zero[16];

	/* 32: a global address and a link-local one (RFC 2545). */
	if (c.over || (c.n != 4 && c.n != 16 && c.n != 32))
		return words_fail(e, NULL, "a next hop of %zu bytes", c.n);
	memset(out->hop, 0, sizeof(out->hop));
	memcpy(out->hop, c.p, c.n == 4 ? 4 : 16);
	out->hop_kind = memcmp(out->hop, zero, sizeof(zero)) == 0
			    ? TABLEFILE_HOP_NONE
			: c.n == 4 ? TABLEFILE_HOP_INET
				   : TABLEFILE_HOP_INET6;
	return 0;
}

/*
 * RFC 6396 4.3.4 keeps of MP_REACH the next hop alone, but some collectors, and
 * TABLE_DUMP, keep all of it: then the first byte is that of a family, zero.
 */
static int
table_mp_reach(
    struct mrt_cursor c, struct tablefile_entry *out, struct words_error *e)
{
	if (c.n > 0 && c.p[0] == 0)
		mrt_cursor_bytes(&c, 3);
	return set_hop(mrt_cursor_cut(&c, mrt_cursor_number(&c, 1)), out, e);
}

int
mrt_bgp_hop(
    struct mrt_cursor attrs, struct tablefile_entry *out, struct words_error *e)
{
	bool own = false;
	struct attr a;
	int rc;

	while ((rc = next_attr(&attrs, &a, e)) > 0) {
		if (a.type == ATTR_NEXT_HOP && out->family == 4) {
			own = true;
			rc = a.value.n == 4
				 ? set_hop(a.value, out, e)
				 : words_fail(e, NULL,
				       "a next hop of %zu bytes", a.value.n);
		} else if (a.type == ATTR_MP_REACH && !own) {
			rc = table_mp_reach(a.value, out, e);
		}
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* All prefixes in c, as entries like *entry. */
static int
add_prefixes(struct mrt *m, struct mrt_cursor c, bool addpath,
    struct tablefile_entry *entry, uint8_t family, struct words_error *e)
{
	int rc = 0;

	while (rc == 0 && c.n > 0) {
		if (addpath)
			mrt_cursor_bytes(&c, 4);
		rc = mrt_bgp_prefix(&c, family, entry, e);
		if (rc == 0)
			rc = mrt_add(m, entry, e);
	}
	return rc;
}

/* Returns: 4 or 6, or 0 for what is not unicast of IP. */
static uint8_t
mp_family(struct mrt_cursor *c)
{
	const uint32_t afi = mrt_cursor_number(c, 2);
	const uint32_t safi = mrt_cursor_number(c, 1);

	if (c->over || safi != MRT_SAFI_UNICAST)
		return 0;
	return afi == MRT_AFI_INET ? 4 : afi == MRT_AFI_INET6 ? 6 : 0;
}

static int
mp_unreach(struct mrt *m, struct mrt_cursor c, bool addpath,
    const struct tablefile_entry *base, struct words_error *e)
{
	struct tablefile_entry entry = *base;
	const uint8_t family = mp_family(&c);

	if (c.over)
		return words_fail(e, NULL, "MP_UNREACH_NLRI is cut short");
	entry.action = TABLEFILE_WITHDRAW;
	return family == 0 ? 0 : add_prefixes(m, c, addpath, &entry, family, e);
}

static int
mp_reach(struct mrt *m, struct mrt_cursor c, bool addpath,
    const struct tablefile_entry *base, struct words_error *e)
{
	struct tablefile_entry entry = *base;
	const uint8_t family = mp_family(&c);
	struct mrt_cursor hop = mrt_cursor_cut(&c, mrt_cursor_number(&c, 1));
	int rc;

	mrt_cursor_bytes(&c, 1); /* reserved */
	if (c.over)
		return words_fail(e, NULL, "MP_REACH_NLRI is cut short");
	if (family == 0)
		return 0;
	rc = set_hop(hop, &entry, e);
	entry.action = TABLEFILE_ANNOUNCE;
	return rc != 0 ? rc : add_prefixes(m, c, addpath, &entry, family, e);
}

/* The attributes: what other families say at once, and the next hop. */
static int
update_attrs(struct mrt *m, struct mrt_cursor attrs, bool addpath,
    const struct tablefile_entry *base, struct tablefile_entry *out,
    struct words_error *e)
{
	struct attr a;
	int rc;

	while ((rc = next_attr(&attrs, &a, e)) > 0) {
		if (a.type == ATTR_NEXT_HOP && a.value.n != 4)
			rc = words_fail(
			    e, NULL, "a next hop of %zu bytes", a.value.n);
		else if (a.type == ATTR_NEXT_HOP)
			rc = set_hop(a.value, out, e);
		else if (a.type == ATTR_MP_REACH)
			rc = mp_reach(m, a.value, addpath, base, e);
		else if (a.type == ATTR_MP_UNREACH)
			rc = mp_unreach(m, a.value, addpath, base, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int
mrt_bgp_update(struct mrt *m, struct mrt_cursor msg, bool addpath,
    const struct tablefile_entry *base, struct words_error *e)
{
	struct mrt_cursor gone =
	    mrt_cursor_cut(&msg, mrt_cursor_number(&msg, 2));
	struct mrt_cursor attrs =
	    mrt_cursor_cut(&msg, mrt_cursor_number(&msg, 2));
	struct tablefile_entry entry = *base;
	int rc;

	if (msg.over)
		return words_fail(e, NULL, "an UPDATE is cut short");
	entry.action = TABLEFILE_WITHDRAW;
	rc = add_prefixes(m, gone, addpath, &entry, 4, e);
	entry.action = TABLEFILE_ANNOUNCE;
	if (rc == 0)
		rc = update_attrs(m, attrs, addpath, base, &entry, e);
	return rc != 0 ? rc : add_prefixes(m, msg, addpath, &entry, 4, e);
}
