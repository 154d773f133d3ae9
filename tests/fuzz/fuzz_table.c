/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer target: a table file of any format, as psnetd takes it.  Every
 * entry that comes out must be what its format allows, and the list made of
 * them, too; a reader that has failed must fail again in the same way.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apps/prefixlist.h"
#include "apps/tablefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than this is the work of a decompression bomb. */
#define STEPS 100000

static int
open_input(const uint8_t *data, size_t size)
{
	const int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

static void
check_entry(const struct tablefile_entry *e)
{
	const unsigned int bits = e->family == 4 ? 32 : 128;

	if ((e->family != 4 && e->family != 6) || e->plen > bits || e->at == 0)
		abort();
	for (unsigned int bit = e->plen; bit < 128; bit++) {
		if ((e->prefix[bit / 8] >> (7 - bit % 8) & 1) != 0)
			abort();
	}
	if (e->action == TABLEFILE_WITHDRAW &&
	    e->hop_kind != TABLEFILE_HOP_NONE)
		abort();
	if (e->peer_family != 0 && e->peer_family != 4 && e->peer_family != 6)
		abort();
}

static void
check_error(struct tablefile *f, int rc, struct tablefile_error *e)
{
	struct tablefile_entry entry;
	char text[512];

	if (e->what.reason[0] == '\0' || (e->unit != NULL && e->at == 0))
		abort();
	if (tablefile_next(f, &entry, e) != rc)
		abort();
	tablefile_error_show(e, "file", text, sizeof(text));
	tablefile_error_line(e);
}

static void
read_entries(struct tablefile *f)
{
	struct tablefile_error e = {.unit = NULL};
	struct tablefile_entry entry;
	int rc = 1;

	for (int i = 0; rc > 0 && i < STEPS; i++) {
		rc = tablefile_step(f, &entry, &e);
		if (rc == 1)
			check_entry(&entry);
	}
	if (rc < 0)
		check_error(f, rc, &e);
}

static void
make_list(struct tablefile *f, const struct spec_nexthop *hop)
{
	const struct prefixlist_config cfg = {.hop = hop};
	struct tablefile_error e = {.unit = NULL};
	struct prefixlist l;
	int rc = prefixlist_init(&l, &cfg);

	if (rc != 0)
		abort();
	rc = 1;
	for (int i = 0; rc > 0 && i < STEPS; i++)
		rc = prefixlist_take(&l, f, &e);
	if (rc < 0 && e.what.reason[0] == '\0')
		abort();
	prefixlist_end(&l);
	for (size_t i = 0; i < l.n; i++) {
		const struct prefixlist_entry *p = &l.entries[i];

		if (p->plen > 32 || p->hop >= l.nhops)
			abort();
	}
	prefixlist_fini(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct spec_nexthop hop = {.via = 1, .weight = 1};

	for (int round = 0; round < 2; round++) {
		struct tablefile_error e = {.unit = NULL};
		struct tablefile *f;

		if (tablefile_open(open_input(data, size), &f, &e) != 0) {
			if (e.what.reason[0] == '\0')
				abort();
			return 0;
		}
		if (round == 0)
			read_entries(f);
		else
			make_list(f, size % 2 != 0 ? &hop : NULL);
		tablefile_close(f);
	}
	return 0;
}
