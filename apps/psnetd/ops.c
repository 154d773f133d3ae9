/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/ops.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"
#include "stack/proto/ipv4/ipv4.h"

/* Fill *e and hand the errno on. */
static int
fail(struct words_error *e, int rc, const char *word, const char *reason)
{
	words_fail(
	    e, word, "%s", reason != NULL ? reason : words_strerror(-rc));
	return rc;
}

bool
psnetd_ops_control_enter(struct stack *st)
{
	const bool held = stack_control_held(st);

	if (!held)
		stack_control_enter(st);
	return !held;
}

void
psnetd_ops_control_exit(struct stack *st, bool entered)
{
	if (entered)
		stack_control_exit(st);
}

int
psnetd_ops_dev(
    struct stack *st, const char *name, netif_id *out, struct words_error *e)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup_name(st, name);
	const netif_id id = nif != NULL ? nif->id : 0;

	pserialize_read_exit(s);
	if (id == 0)
		return fail(e, -ENODEV, name, "there is no such interface");
	*out = id;
	return 0;
}

void
psnetd_ops_name(struct stack *st, netif_id id, char out[WORDS_NAME_MAX])
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);

	if (nif != NULL)
		memcpy(out, nif->name, WORDS_NAME_MAX);
	else
		out[0] = '\0';
	pserialize_read_exit(s);
}

static int
set_mtu(struct stack *st, netif_id id, const struct spec_link *l,
    struct words_error *e)
{
	char word[WORDS_TEXT_MAX];
	int rc;

	if (l->mtu == 0)
		return 0;
	rc = netif_set_mtu(st, id, l->mtu);
	if (rc == 0)
		return 0;
	snprintf(word, sizeof(word), "%u", (unsigned int)l->mtu);
	return fail(e, rc, word,
	    rc == -EINVAL ? "the interface cannot have this MTU" : NULL);
}

static int
set_flags(struct stack *st, netif_id id, const struct spec_link *l,
    struct words_error *e)
{
	uint32_t set = 0, clear = 0;
	int rc;

	if (l->up != SPEC_UNSAID)
		*(l->up == SPEC_ON ? &set : &clear) |= NETIF_UP;
	if (l->promisc != SPEC_UNSAID)
		*(l->promisc == SPEC_ON ? &set : &clear) |= NETIF_PROMISC;
	if (l->arp != SPEC_UNSAID)
		*(l->arp == SPEC_OFF ? &set : &clear) |= NETIF_NOARP;
	if (set == 0 && clear == 0)
		return 0;
	rc = netif_set_flags(st, id, set, clear);
	return rc == 0 ? 0 : fail(e, rc, l->name, NULL);
}

static int
set_table(struct stack *st, netif_id id, const struct spec_link *l,
    struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	int rc;

	if (!l->has_table)
		return 0;
	rc = ipv4_netif_table_set(st, id, l->table);
	if (rc == 0)
		return 0;
	return fail(e, rc, spec_table_name(l->table, text),
	    rc == -EBUSY ? "the interface has addresses, remove them first"
			 : NULL);
}

static int
set_mark(struct stack *st, netif_id id, const struct spec_link *l,
    struct words_error *e)
{
	const int rc = l->has_mark ? netif_set_mark(st, id, l->mark) : 0;

	return rc == 0 ? 0 : fail(e, rc, l->name, NULL);
}

/* What the interface has, to go back to it. */
static int
get_state(struct stack *st, netif_id id, uint32_t *flags, uint32_t *mtu)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);

	if (nif != NULL) {
		/* relaxed: only this thread changes what it will undo. */
		*flags = sync_load_relaxed(&nif->flags);
		/* relaxed: as above. */
		*mtu = sync_load_relaxed(&nif->mtu);
	}
	pserialize_read_exit(s);
	return nif != NULL ? 0 : -ENODEV;
}

int
psnetd_ops_link_set(
    struct stack *st, const struct spec_link *l, struct words_error *e)
{
	uint32_t flags, mtu;
	netif_id id;
	int rc = psnetd_ops_dev(st, l->name, &id, e);

	if (rc != 0)
		return rc;
	if (get_state(st, id, &flags, &mtu) != 0)
		return fail(e, -ENODEV, l->name, NULL);
	rc = set_mtu(st, id, l, e);
	if (rc != 0)
		return rc;
	rc = set_table(st, id, l, e);
	if (rc == 0)
		rc = set_flags(st, id, l, e);
	if (rc == 0)
		rc = set_mark(st, id, l, e);
	if (rc != 0 && l->mtu != 0)
		netif_set_mtu(st, id, mtu);
	return rc;
}

/* What loses its device by this, as the other end of a wire, goes along. */
static int
detach(struct stack *st, netif_id id)
{
	const int rc = netif_detach(st, id);

	stack_housekeep(st);
	return rc;
}

int
psnetd_ops_link_add(
    struct stack *st, const struct spec_link *l, struct words_error *e)
{
	const struct driver *drv = stack_driver(st, l->driver);
	char why[128] = "";
	netif_id id;
	int rc;

	if (drv == NULL)
		return fail(e, -ENOENT, l->driver, "there is no such driver");
	if (psnetd_ops_dev(st, l->name, &id, e) == 0)
		return fail(
		    e, -EEXIST, l->name, "there is such an interface already");
	rc = drv->attach(st, l->name, l->args, &id, why, sizeof(why));
	if (rc != 0)
		return fail(e, rc, l->args[0] != '\0' ? l->args : l->name,
		    why[0] != '\0' ? why : NULL);
	rc = set_mtu(st, id, l, e);
	if (rc == 0)
		rc = set_table(st, id, l, e);
	if (rc == 0)
		rc = set_mark(st, id, l, e);
	if (rc == 0)
		rc = set_flags(st, id, l, e);
	if (rc != 0)
		detach(st, id);
	return rc;
}

int
psnetd_ops_link_del(struct stack *st, const char *name, struct words_error *e)
{
	netif_id id;
	int rc = psnetd_ops_dev(st, name, &id, e);

	if (rc != 0)
		return rc;
	rc = detach(st, id);
	return rc == 0 ? 0 : fail(e, rc, name, NULL);
}

static const char *
addr_reason(int rc)
{
	switch (rc) {
	case -EEXIST:
		return "the interface has this address already";
	case -EADDRINUSE:
		return "another interface has this address";
	case -EADDRNOTAVAIL:
		return "not an address of one host";
	default:
		return NULL;
	}
}

int
psnetd_ops_addr_add(
    struct stack *st, const struct spec_addr *a, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	netif_id id;
	int rc = psnetd_ops_dev(st, a->dev, &id, e);

	if (rc != 0)
		return rc;
	rc = ipv4_addr_add(st, id, a->addr, a->plen);
	if (rc == 0)
		return 0;
	return fail(
	    e, rc, words_show_prefix(a->addr, a->plen, text), addr_reason(rc));
}

int
psnetd_ops_addr_del(
    struct stack *st, const struct spec_addr *a, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	netif_id id;
	int rc = psnetd_ops_dev(st, a->dev, &id, e);

	if (rc != 0)
		return rc;
	rc = ipv4_addr_remove(st, id, a->addr, a->plen);
	if (rc == 0)
		return 0;
	return fail(e, rc, words_show_prefix(a->addr, a->plen, text),
	    rc == -EADDRNOTAVAIL ? "the interface has no such address" : NULL);
}

static const char *
neigh_reason(int rc)
{
	switch (rc) {
	case -EEXIST:
		return "there is a permanent entry already";
	case -ENOENT:
		return "there is no such entry";
	case -EAFNOSUPPORT:
		return "the interface has no neighbours";
	case -EINVAL:
		return "not the link address of one station";
	default:
		return NULL;
	}
}

int
psnetd_ops_neigh_add(struct stack *st, const struct spec_neigh *n, bool replace,
    struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	uint8_t addr[4];
	netif_id id;
	int rc = psnetd_ops_dev(st, n->dev, &id, e);

	if (rc != 0)
		return rc;
	memcpy(addr, &n->addr, sizeof(addr));
	rc =
	    nexthop_static_add(st, id, NETIF_AF_INET, addr, n->lladdr, replace);
	if (rc == 0)
		return 0;
	return fail(e, rc,
	    rc == -EINVAL ? words_show_lladdr(n->lladdr, text)
			  : words_show_ipv4(n->addr, text),
	    neigh_reason(rc));
}

int
psnetd_ops_neigh_del(
    struct stack *st, const struct spec_neigh *n, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	uint8_t addr[4];
	netif_id id;
	int rc = psnetd_ops_dev(st, n->dev, &id, e);

	if (rc != 0)
		return rc;
	memcpy(addr, &n->addr, sizeof(addr));
	rc = nexthop_remove(st, id, NETIF_AF_INET, addr);
	if (rc == 0)
		return 0;
	return fail(e, rc, words_show_ipv4(n->addr, text), neigh_reason(rc));
}
