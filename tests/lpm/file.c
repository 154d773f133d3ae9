/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/lpm/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "apps/array.h"

/* An address as a key of 128 bits, those of IPv4 mapped (RFC 4291 2.5.5.2). */
static struct lpm_prefix
hop_key(const struct tablefile_entry *e)
{
	struct lpm_prefix p = {.plen = 128};

	if (e->hop_kind == TABLEFILE_HOP_INET6) {
		memcpy(p.key.b, e->hop, 16);
	} else {
		memset(p.key.b + 10, 0xff, 2);
		memcpy(p.key.b + 12, e->hop, 4);
	}
	return p;
}

/* A group for a route that says none: spread, the same on each run. */
static uint32_t
made_up(const struct lpm_file_hops *hops, const struct lpm_prefix *p)
{
	uint64_t h = lpm_key_word(&p->key, 0) ^ p->plen;

	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return 1 + (uint32_t)((h >> 32) % hops->made_up);
}

static int
group_of(struct lpm_file_hops *hops, const struct tablefile_entry *e,
    const struct lpm_prefix *p, uint32_t *out)
{
	struct lpm_prefix hop;

	if (e->hop_kind == TABLEFILE_HOP_NONE) {
		*out = made_up(hops, p);
		return 0;
	}
	if (e->hop_kind == TABLEFILE_HOP_ID) {
		*out = e->hop_id;
		return e->hop_id < LPM_FILE_GROUPS_MAX ? 0 : -ERANGE;
	}
	hop = hop_key(e);
	*out = lpm_oracle_exact(hops->by_address, &hop);
	if (*out != 0)
		return 0;
	*out = ++hops->n;
	return *out < LPM_FILE_GROUPS_MAX
		   ? lpm_oracle_set(hops->by_address, &hop, *out)
		   : -ERANGE;
}

static int
take(struct lpm_file *f, struct lpm_file_hops *hops,
    const struct tablefile_entry *e)
{
	struct lpm_file_route r = {.family = e->family, .p.plen = e->plen};
	int rc;

	if (e->again)
		return 0;
	memcpy(r.p.key.b, e->prefix, sizeof(r.p.key.b));
	f->stream |= e->action != TABLEFILE_ROUTE;
	rc = e->action == TABLEFILE_WITHDRAW
		 ? 0
		 : group_of(hops, e, &r.p, &r.group);
	if (rc == 0)
		rc = array_reserve(&f->routes, &f->room, f->n, sizeof(r));
	if (rc != 0)
		return rc;
	f->routes[f->n++] = r;
	f->of[e->family == 6]++;
	return 0;
}

int
lpm_file_read(const char *path, struct lpm_file_hops *hops,
    struct lpm_file *out, struct tablefile_error *e)
{
	struct tablefile_entry entry;
	struct tablefile *f;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	*e = (struct tablefile_error){.unit = NULL};
	*out = (struct lpm_file){.path = path};
	if (fd < 0) {
		rc = -errno;
		words_fail(&e->what, NULL, "%s", words_strerror(-rc));
		return rc;
	}
	rc = tablefile_open(fd, &f, e);
	if (rc != 0)
		return rc;
	while ((rc = tablefile_next(f, &entry, e)) > 0) {
		rc = take(out, hops, &entry);
		if (rc == 0)
			continue;
		words_fail(&e->what, NULL, "%s", words_strerror(-rc));
		e->unit = "entry";
		e->at = out->n + 1;
		break;
	}
	out->format = tablefile_format(f);
	tablefile_close(f);
	if (rc != 0)
		lpm_file_fini(out);
	return rc;
}

void
lpm_file_fini(struct lpm_file *f)
{
	free(f->routes);
	*f = (struct lpm_file){.n = 0};
}
