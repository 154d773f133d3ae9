/* SPDX-License-Identifier: BSD-2-Clause */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/radix_lf/radix_lf.h"

struct route {
	struct pserialize_head head; /* first: a head is its route */
	uint8_t prefix[4];
	uint8_t bits;
	const char *to;
};

static unsigned
route_bits(const void *item)
{
	return ((const struct route *)item)->bits;
}

static void
route_free(struct pserialize_head *head)
{
	free(head);
}

static struct route *
route_new(const uint8_t prefix[4], uint8_t bits, const char *to)
{
	struct route *r = malloc(sizeof(*r));

	if (r == NULL)
		abort();
	*r = (struct route){.bits = bits, .to = to};
	memcpy(r->prefix, prefix, sizeof(r->prefix));
	return r;
}

/* A reader: any thread, at any time. */
static const char *
way_to(const struct radix_lf *table, const uint8_t address[4])
{
	const uint64_t section = pserialize_read_enter();
	const struct route *r = radix_lf_lookup(table, address, 32);
	const char *to = r != NULL ? r->to : "nowhere";

	pserialize_read_exit(section); /* r may be gone from here on */
	printf("%u.%u.%u.%u: %s\n", address[0], address[1], address[2],
	    address[3], to);
	return to;
}

static bool
show(void *item, void *arg)
{
	printf("%s%s", *(const char **)arg, ((struct route *)item)->to);
	*(const char **)arg = ", ";
	return false; /* go on */
}

/* All routes that cover an address, as they are at one instant. */
static void
show_ways(const struct radix_lf *table, const uint8_t address[4])
{
	const uint64_t section = pserialize_read_enter();
	const char *before = "in ";

	radix_lf_covering(table, address, 32, show, &before);
	pserialize_read_exit(section);
	printf("\n");
}

/* A writer, alone or under the table's mutex: all routes or none. */
static int
load(struct radix_lf *table)
{
	struct route *route[] = {
	    route_new((const uint8_t[]){0, 0, 0, 0}, 0, "the world"),
	    route_new((const uint8_t[]){10, 0, 0, 0}, 8, "the site"),
	    route_new((const uint8_t[]){10, 1, 0, 0}, 16, "the lab"),
	};
	const size_t n = sizeof(route) / sizeof(route[0]);
	struct radix_lf_txn *txn;
	int error = radix_lf_txn_begin(table, &txn);

	if (error == 0) {
		for (size_t i = 0; error == 0 && i < n; i++)
			error = radix_lf_txn_insert(txn, route[i]);
		if (error == 0)
			radix_lf_txn_commit(txn);
		else
			radix_lf_txn_abort(txn);
	}
	for (size_t i = 0; error != 0 && i < n; i++)
		free(route[i]);
	return error;
}

/* Empty the table while readers and a snapshot still look at it. */
static int
clear(struct radix_lf *table)
{
	struct radix_lf_snap *snap;
	const struct route *r;
	int error = radix_lf_snap_open(table, &snap);

	if (error != 0)
		return error;
	for (r = radix_lf_snap_next(snap, NULL, 0); error == 0 && r != NULL;
	     r = radix_lf_snap_next(snap, r->prefix, r->bits)) {
		void *old;

		error = radix_lf_remove(table, r->prefix, r->bits, &old);
		if (error == 0)
			radix_lf_retire(table, old, route_free);
	}
	radix_lf_snap_close(snap); /* now they may be freed */
	return error;
}

int
main(void)
{
	const struct radix_lf_config config = {
	    .key_offset = offsetof(struct route, prefix),
	    .max_bits = 32,
	    .item_bits = route_bits,
	};
	struct radix_lf *table;

	if (radix_lf_create(&config, &table) != 0 || load(table) != 0)
		return 1;
	if (strcmp(way_to(table, (const uint8_t[]){10, 1, 2, 3}), "the lab") ||
	    strcmp(way_to(table, (const uint8_t[]){10, 2, 2, 3}), "the site") ||
	    strcmp(way_to(table, (const uint8_t[]){11, 1, 2, 3}), "the world"))
		return 1;
	show_ways(table, (const uint8_t[]){10, 1, 2, 3});
	if (clear(table) != 0 || radix_lf_count(table) != 0)
		return 1;
	if (strcmp(way_to(table, (const uint8_t[]){10, 1, 2, 3}), "nowhere"))
		return 1;
	radix_lf_destroy(table);
	return 0;
}
