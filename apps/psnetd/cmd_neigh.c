/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"

/* The interfaces that a request is about: one by name, or all. */
struct devs {
	netif_id *ids;
	size_t n, room;
};

static int
all_devs(struct stack *st, struct devs *d)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif;
	int rc = 0;

	for (struct netif *i = netif_first(st); i != NULL && rc == 0;
	     i = netif_next(st, i)) {
		nif = i;
		rc = array_reserve(&d->ids, &d->room, d->n, sizeof(*d->ids));
		if (rc == 0)
			d->ids[d->n++] = nif->id;
	}
	pserialize_read_exit(s);
	return rc;
}

static int
select_devs(struct psnetd_request *r, struct devs *d)
{
	char dev[WORDS_NAME_MAX] = "";
	int rc;

	if (psnetd_args_name(r->args, "dev", false, dev, &r->e) != 0)
		return -EINVAL;
	if (dev[0] == '\0')
		return all_devs(r->d->st, d);
	rc = array_reserve(&d->ids, &d->room, d->n, sizeof(*d->ids));
	if (rc != 0)
		return rc;
	rc = psnetd_ops_dev(r->d->st, dev, &d->ids[0], &r->e);
	if (rc == 0)
		d->n = 1;
	return rc;
}

struct show {
	struct stack *st;
	uint32_t prefix, mask; /* network byte order */
	json_t *list;
	int stats;
};

static int
show_one(void *arg, const struct nexthop_entry *n)
{
	struct show *s = arg;
	char dev[WORDS_NAME_MAX];
	uint32_t addr;

	memcpy(&addr, n->addr, sizeof(addr));
	if ((addr & s->mask) != s->prefix)
		return 0;
	psnetd_ops_name(s->st, n->netif, dev);
	return json_array_append_new(
		   s->list, psnetd_show_neigh(n, dev, s->stats)) == 0
		   ? 0
		   : -ENOMEM;
}

int
psnetd_cmd_neigh_show(struct psnetd_request *r)
{
	static const char *const keys[] = {"dev", "dst", "stats", NULL};
	struct show s = {.st = r->d->st};
	struct devs d = {.n = 0};
	const char *dst = "default";
	bool stats = false;
	unsigned int plen;
	int rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "dst", false, &dst, &r->e) != 0 ||
	    words_prefix(dst, &s.prefix, &plen, &r->e) != 0 ||
	    psnetd_args_bool(r->args, "stats", &stats, &r->e) != 0)
		return -EINVAL;
	s.mask = words_mask(plen);
	rc = select_devs(r, &d);
	s.list = json_array();
	s.stats = stats;
	for (size_t i = 0; i < d.n && rc == 0; i++) {
		rc = nexthop_walk(s.st, d.ids[i], NETIF_AF_INET, show_one, &s);
		if (rc == -ENODEV || rc == -EAFNOSUPPORT)
			rc = 0;
	}
	free(d.ids);
	if (rc != 0)
		json_decref(s.list);
	else
		r->result = s.list;
	return rc;
}

static int
edit(struct psnetd_request *r, bool replace)
{
	struct spec_neigh n;
	int rc = psnetd_args_neigh(r->args, true, &n, &r->e);

	return rc != 0 ? rc
		       : psnetd_ops_neigh_add(r->d->st, &n, replace, &r->e);
}

int
psnetd_cmd_neigh_add(struct psnetd_request *r)
{
	return edit(r, false);
}

int
psnetd_cmd_neigh_replace(struct psnetd_request *r)
{
	return edit(r, true);
}

int
psnetd_cmd_neigh_del(struct psnetd_request *r)
{
	struct spec_neigh n;
	int rc = psnetd_args_neigh(r->args, false, &n, &r->e);

	return rc != 0 ? rc : psnetd_ops_neigh_del(r->d->st, &n, &r->e);
}

int
psnetd_cmd_neigh_flush(struct psnetd_request *r)
{
	static const char *const keys[] = {"dev", "dst", "permanent", NULL};
	struct devs d = {.n = 0};
	const char *dst = "default";
	bool permanent = false;
	unsigned int plen;
	uint8_t bytes[16] = {0};
	uint32_t prefix;
	int removed = 0, rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "dst", false, &dst, &r->e) != 0 ||
	    words_prefix(dst, &prefix, &plen, &r->e) != 0 ||
	    psnetd_args_bool(r->args, "permanent", &permanent, &r->e) != 0)
		return -EINVAL;
	memcpy(bytes, &prefix, sizeof(prefix));
	rc = select_devs(r, &d);
	for (size_t i = 0; i < d.n && rc == 0; i++) {
		const int n = nexthop_flush(
		    r->d->st, d.ids[i], NETIF_AF_INET, bytes, plen, permanent);

		removed += n > 0 ? n : 0;
	}
	free(d.ids);
	if (rc == 0)
		r->result = json_pack("{s:i}", "removed", removed);
	return rc;
}
