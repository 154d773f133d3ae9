/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A table out of a list: a prefix in each line, and behind it, if there is a
 * second word, the name of its next hop.  Next hops are numbered as they come;
 * where the list has none, each prefix gets one by chance, always the same.
 */

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route.h"

#define NAMES (1U << 16)

/* Next hops by name: open addressing. */
struct names {
	char *name[NAMES];
	uint32_t number[NAMES];
	uint32_t count;
};

static uint32_t
hash(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t h = 2166136261U; /* FNV-1a */

	while (n-- > 0)
		h = (h ^ *p++) * 16777619U;
	h = (h ^ h >> 16) * 0x7feb352dU;
	return h ^ h >> 15;
}

static uint32_t
number_of(struct names *all, const char *name)
{
	uint32_t at = hash(name, strlen(name)) % NAMES;

	for (; all->name[at] != NULL; at = (at + 1) % NAMES)
		if (strcmp(all->name[at], name) == 0)
			return all->number[at];
	if (all->count + 1 == NAMES || (all->name[at] = strdup(name)) == NULL)
		abort();
	return all->number[at] = ++all->count;
}

static void
clear_host_bits(struct route_prefix *e)
{
	for (unsigned int i = e->plen; i < 128; i++)
		e->key[i / 8] &= (uint8_t) ~(1U << (7 - i % 8));
}

bool
route_set_parse(unsigned int family, char *word, struct route_prefix *e)
{
	const unsigned int bits = family == 4 ? 32 : 128;
	char *slash = strchr(word, '/'), *end;
	unsigned long plen = bits;

	memset(e, 0, sizeof(*e));
	if (strcmp(word, "default") == 0)
		return true;
	if (slash != NULL) {
		*slash = '\0';
		plen = strtoul(slash + 1, &end, 10);
		if (*end != '\0')
			return false;
	}
	if (plen > bits ||
	    inet_pton(family == 4 ? AF_INET : AF_INET6, word, e->key) != 1)
		return false;
	e->plen = (uint8_t)plen;
	clear_host_bits(e);
	return true;
}

uint32_t
route_set_index(const struct route_prefix *e)
{
	uint32_t address;

	memcpy(&address, e->key, sizeof(address));
	return ntohl(address);
}

static int
by_prefix(const void *a, const void *b)
{
	const struct route_prefix *x = a, *y = b;
	const int d = memcmp(x->key, y->key, sizeof(x->key));

	return d != 0 ? d : x->plen - y->plen;
}

static void
drop_twins(struct route_set *s)
{
	size_t kept = 0;

	qsort(s->entry, s->n, sizeof(*s->entry), by_prefix);
	for (size_t i = 0; i < s->n; i++)
		if (i == 0 || by_prefix(&s->entry[i], &s->entry[i - 1]) != 0)
			s->entry[kept++] = s->entry[i];
	s->n = kept;
}

static void
read_lines(struct route_set *s, FILE *f, const char *path, struct names *all)
{
	char *line = NULL, *word, *rest, *hop;
	size_t room = 0, size = 0;

	for (size_t n = 1; getline(&line, &size, f) > 0; n++) {
		struct route_prefix e;

		word = strtok_r(line, " \t\r\n", &rest);
		if (word == NULL || word[0] == '#')
			continue;
		hop = strtok_r(NULL, " \t\r\n", &rest);
		if (!route_set_parse(s->family, word, &e)) {
			fprintf(stderr, "%s:%zu: not a prefix\n", path, n);
			exit(1);
		}
		e.nexthop = hop != NULL ? number_of(all, hop)
					: 1 + (hash(e.key, 16) ^ e.plen) %
						  ROUTE_NEXTHOPS;
		if (s->n == room) {
			room = room == 0 ? 1024 : room * 2;
			s->entry = realloc(s->entry, room * sizeof(*s->entry));
			if (s->entry == NULL)
				abort();
		}
		s->entry[s->n++] = e;
	}
	free(line);
}

void
route_set_load(struct route_set *s, unsigned int family, const char *path)
{
	struct names *all = calloc(1, sizeof(*all));
	FILE *f = fopen(path, "r");

	if (all == NULL)
		abort();
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	*s = (struct route_set){
	    .family = family, .bits = family == 4 ? 32 : 128};
	read_lines(s, f, path, all);
	fclose(f);
	if (s->n == 0) {
		fprintf(stderr, "%s: no prefixes\n", path);
		exit(1);
	}
	drop_twins(s);
	s->room = s->n;
	s->nexthop_max = all->count != 0 ? all->count : ROUTE_NEXTHOPS;
	for (unsigned int i = 0; i < NAMES; i++)
		free(all->name[i]);
	free(all);
}

void
route_set_fini(struct route_set *s)
{
	free(s->entry);
}

/* Keep n prefixes, chosen by chance, in their order. */
void
route_set_cut(struct route_set *s, size_t n, uint64_t seed)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n && kept < n; i++)
		if (route_random(&seed, s->n - i) < n - kept)
			s->entry[kept++] = s->entry[i];
	s->n = s->room = kept;
}
