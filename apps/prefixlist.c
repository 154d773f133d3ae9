/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Next hops are few and prefixes many, so each distinct next hop is kept once
 * and found again through a hash table of its address.
 */

#include "apps/prefixlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"

static size_t
hash(const struct spec_nexthop *nh, size_t size)
{
	const uint64_t key = nh->via ^ nh->nhid;

	return (key * UINT32_C(2654435761) >> 8) & (size - 1);
}

static void
index_insert(struct prefixlist *l, uint32_t hop)
{
	size_t at = hash(&l->hops[hop], l->index_size);

	while (l->index[at] != 0)
		at = (at + 1) & (l->index_size - 1);
	l->index[at] = hop + 1;
}

/* Keep the index at most half full.  Returns: 0 or -ENOMEM. */
static int
index_grow(struct prefixlist *l)
{
	const size_t size = l->index_size == 0 ? 64 : l->index_size * 2;
	uint32_t *index;

	if (l->nhops * 2 < l->index_size)
		return 0;
	index = calloc(size, sizeof(*index));
	if (index == NULL)
		return -ENOMEM;
	free(l->index);
	l->index = index;
	l->index_size = size;
	for (uint32_t i = l->has_default ? 1 : 0; i < l->nhops; i++)
		index_insert(l, i);
	return 0;
}

static int
add_hop(struct prefixlist *l, const struct spec_nexthop *nh)
{
	int rc = array_reserve(
	    &l->hops, &l->hops_room, l->nhops, sizeof(l->hops[0]));

	if (rc == 0)
		l->hops[l->nhops++] = *nh;
	return rc;
}

static int
intern_hop(struct prefixlist *l, const struct spec_nexthop *nh, uint32_t *out)
{
	size_t at;
	int rc = index_grow(l);

	if (rc != 0)
		return rc;
	for (at = hash(nh, l->index_size); l->index[at] != 0;
	     at = (at + 1) & (l->index_size - 1)) {
		*out = l->index[at] - 1;
		if (l->hops[*out].via == nh->via &&
		    l->hops[*out].nhid == nh->nhid)
			return 0;
	}
	rc = add_hop(l, nh);
	if (rc == 0) {
		*out = (uint32_t)l->nhops - 1;
		l->index[at] = *out + 1;
	}
	return rc;
}

int
prefixlist_init(struct prefixlist *l, const struct prefixlist_config *cfg)
{
	*l = (struct prefixlist){.cfg = *cfg, .has_default = cfg->hop != NULL};
	l->cfg.hop = NULL;
	return cfg->hop != NULL ? add_hop(l, cfg->hop) : 0;
}

void
prefixlist_fini(struct prefixlist *l)
{
	free(l->entries);
	free(l->hops);
	free(l->index);
	*l = (struct prefixlist){.n = 0};
}

/* Is this the family, and the peer, that was asked for? */
static bool
wanted(const struct prefixlist *l, const struct tablefile_entry *entry)
{
	const struct prefixlist_config *c = &l->cfg;

	if (c->family != 0 && entry->family != c->family)
		return false;
	if (c->peer_family == 0)
		return !entry->again;
	/* A peer may have several paths: the first. */
	return entry->peer_family == c->peer_family &&
	       memcmp(entry->peer, c->peer, sizeof(c->peer)) == 0 &&
	       !(entry->again && l->last == entry->at);
}

static int
fail_hop(const struct tablefile_entry *entry, struct words_error *e,
    const char *reason)
{
	char text[TABLEFILE_TEXT_MAX];

	return words_fail(e,
	    tablefile_show_prefix(
		entry->family, entry->prefix, entry->plen, text),
	    "%s", reason);
}

/* The index of the next hop of an entry, in *out. */
static int
take_hop(struct prefixlist *l, const struct tablefile_entry *entry,
    uint32_t *out, struct words_error *e)
{
	const bool recorded =
	    entry->action != TABLEFILE_ROUTE || entry->peer_family != 0;
	struct spec_nexthop nh = {.weight = 1};

	*out = 0;
	if (l->cfg.ids && entry->hop_kind == TABLEFILE_HOP_ID) {
		nh.nhid = entry->hop_id;
		return intern_hop(l, &nh, out);
	}
	if (l->has_default &&
	    (recorded || entry->hop_kind != TABLEFILE_HOP_INET))
		return entry->hop_kind == TABLEFILE_HOP_INET6 && !recorded
			   ? fail_hop(entry, e, "an IPv6 next hop")
			   : 0;
	switch (entry->hop_kind) {
	case TABLEFILE_HOP_NONE:
		return fail_hop(
		    entry, e, "no next hop here, and none for the list");
	case TABLEFILE_HOP_ID:
		return fail_hop(entry, e,
		    "its next hop is an id, and none was given for the list");
	case TABLEFILE_HOP_INET6:
		return fail_hop(entry, e, "an IPv6 next hop");
	case TABLEFILE_HOP_INET:
		break;
	}
	memcpy(&nh.via, entry->hop, sizeof(nh.via));
	return intern_hop(l, &nh, out);
}

int
prefixlist_add(struct prefixlist *l, const struct tablefile_entry *entry,
    struct words_error *e)
{
	struct prefixlist_entry p = {
	    .at = entry->at < UINT32_MAX ? (uint32_t)entry->at : UINT32_MAX,
	    .order = (uint32_t)l->n & (PREFIXLIST_MAX - 1),
	    .hop = PREFIXLIST_GONE,
	    .plen = entry->plen};
	int rc = 0;

	if (!wanted(l, entry)) {
		l->skipped++;
		return 0;
	}
	l->last = entry->at;
	if (entry->family != 4)
		return fail_hop(entry, e, "IPv6 routes are not supported");
	if (entry->action != TABLEFILE_WITHDRAW)
		rc = take_hop(l, entry, &p.hop, e);
	if (rc != 0)
		return rc;
	memcpy(&p.prefix, entry->prefix, sizeof(p.prefix));
	l->stream |= entry->action != TABLEFILE_ROUTE;
	if (l->n == PREFIXLIST_MAX)
		return -ENOSPC;
	rc = array_reserve(&l->entries, &l->room, l->n, sizeof(p));
	if (rc == 0)
		l->entries[l->n++] = p;
	return rc;
}

/* By prefix, then as they came. */
static int
compare(const void *left, const void *right)
{
	const struct prefixlist_entry *a = left, *b = right;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	if (a->plen != b->plen)
		return a->plen < b->plen ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void
prefixlist_end(struct prefixlist *l)
{
	size_t kept = 0;

	if (!l->stream)
		return;
	qsort(l->entries, l->n, sizeof(l->entries[0]), compare);
	for (size_t i = 0; i < l->n; i++) {
		const struct prefixlist_entry *p = &l->entries[i];
		const bool last = i + 1 == l->n || p[1].prefix != p->prefix ||
				  p[1].plen != p->plen;

		if (last && p->hop != PREFIXLIST_GONE)
			l->entries[kept++] = *p;
	}
	l->n = kept;
}

int
prefixlist_take(
    struct prefixlist *l, struct tablefile *f, struct tablefile_error *e)
{
	struct tablefile_entry entry;
	int rc = tablefile_step(f, &entry, e);
	int added;

	if (rc != 1)
		return rc;
	added = prefixlist_add(l, &entry, &e->what);
	if (added == 0)
		return rc;
	e->unit = tablefile_unit(f);
	e->at = entry.at;
	if (added != -EINVAL)
		words_fail(&e->what, NULL, "%s", words_strerror(-added));
	return added;
}
