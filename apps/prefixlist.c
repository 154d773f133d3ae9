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
hash(uint32_t via, size_t size)
{
	return ((uint64_t)via * UINT32_C(2654435761) >> 8) & (size - 1);
}

static void
index_insert(struct prefixlist *l, uint32_t hop)
{
	size_t at = hash(l->hops[hop].via, l->index_size);

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
intern_hop(struct prefixlist *l, uint32_t via, uint32_t *out)
{
	const struct spec_nexthop nh = {.via = via, .weight = 1};
	size_t at;
	int rc = index_grow(l);

	if (rc != 0)
		return rc;
	for (at = hash(via, l->index_size); l->index[at] != 0;
	     at = (at + 1) & (l->index_size - 1)) {
		*out = l->index[at] - 1;
		if (l->hops[*out].via == via)
			return 0;
	}
	rc = add_hop(l, &nh);
	if (rc == 0) {
		*out = (uint32_t)l->nhops - 1;
		l->index[at] = *out + 1;
	}
	return rc;
}

int
prefixlist_init(struct prefixlist *l, const struct spec_nexthop *dflt)
{
	*l = (struct prefixlist){.has_default = dflt != NULL};
	return dflt != NULL ? add_hop(l, dflt) : 0;
}

void
prefixlist_fini(struct prefixlist *l)
{
	free(l->entries);
	free(l->hops);
	free(l->index);
	*l = (struct prefixlist){.n = 0};
}

/* Cut the next blank-separated word out of *line.  Returns: NULL at the end. */
static char *
cut_word(char **line)
{
	char *s = *line + strspn(*line, " \t\r"), *end;

	if (*s == '\0' || *s == '#')
		return NULL;
	end = s + strcspn(s, " \t\r#");
	if (*end == '#')
		*end = '\0';
	*line = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return s;
}

static int
take_line(struct prefixlist *l, char *line, struct words_error *e)
{
	char *prefix = cut_word(&line), *via, *extra;
	struct prefixlist_entry p = {.line = l->line};
	unsigned int plen;
	uint32_t gateway;
	int rc;

	if (prefix == NULL)
		return 0;
	if (words_prefix(prefix, &p.prefix, &plen, e) != 0)
		return -EINVAL;
	p.plen = (uint8_t)plen;
	via = cut_word(&line);
	if (via != NULL && strcmp(via, "via") == 0)
		via = cut_word(&line);
	extra = cut_word(&line);
	if (extra != NULL)
		return words_fail(e, extra, "unexpected word");
	if (via == NULL && !l->has_default)
		return words_fail(e, prefix,
		    "no next hop on the line, and none for the list");
	if (via != NULL) {
		if (words_ipv4(via, &gateway, e) != 0)
			return -EINVAL;
		if (gateway == 0)
			return words_fail(e, via, "not a gateway");
		rc = intern_hop(l, gateway, &p.hop);
		if (rc != 0)
			return rc;
	}
	if (l->n == PREFIXLIST_MAX)
		return -ENOSPC;
	rc = array_reserve(&l->entries, &l->room, l->n, sizeof(p));
	if (rc == 0)
		l->entries[l->n++] = p;
	return rc;
}

static int
append(
    struct prefixlist *l, const char *text, size_t len, struct words_error *e)
{
	if (len >= sizeof(l->partial) - l->used) {
		l->line++;
		return words_fail(e, NULL, "the line exceeds %zu characters",
		    sizeof(l->partial) - 1);
	}
	memcpy(l->partial + l->used, text, len);
	l->used += (unsigned int)len;
	return 0;
}

int
prefixlist_end(struct prefixlist *l, struct words_error *e)
{
	if (l->used == 0)
		return 0;
	l->line++;
	if (memchr(l->partial, '\0', l->used) != NULL)
		return words_fail(e, NULL, "the line has a NUL character");
	l->partial[l->used] = '\0';
	l->used = 0;
	return take_line(l, l->partial, e);
}

int
prefixlist_feed(
    struct prefixlist *l, const char *text, size_t len, struct words_error *e)
{
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		const size_t n = nl != NULL ? (size_t)(nl - text) : len;
		int rc = append(l, text, n, e);

		if (rc != 0 || nl == NULL)
			return rc;
		if (l->used == 0)
			l->line++;
		else
			rc = prefixlist_end(l, e);
		if (rc != 0)
			return rc;
		text = nl + 1;
		len -= n + 1;
	}
	return 0;
}
