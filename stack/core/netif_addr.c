/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The addresses of an interface, in the order in which they were added.
 *
 * Reclamation: a removed address is freed by pserialize_call().
 */

#include <stdlib.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

void
netif_addr_publish(struct netif *nif, struct netif_addr *a)
{
	struct pslist_entry *last = NULL, *e;

	SYNC_REQUIRE(stack_control_held(nif->stack));
	pslist_entry_init(&a->link);
	for (e = pslist_writer_first(&nif->addrs); e != NULL;
	     e = pslist_writer_next(e))
		last = e;
	if (last == NULL)
		pslist_writer_insert_head(&nif->addrs, &a->link);
	else
		pslist_writer_insert_after(last, &a->link);
	proto_netif_event(nif->stack, nif, NETIF_EVENT_ADDR);
}

static void
addr_free(struct pserialize_head *head)
{
	struct netif_addr *a = CORE_CONTAINER(head, struct netif_addr, retire);

	pslist_entry_fini(&a->link);
	free(a);
}

void
netif_addr_retire(struct netif *nif, struct netif_addr *a)
{
	SYNC_REQUIRE(stack_control_held(nif->stack));
	pslist_writer_remove(&a->link);
	pserialize_call(&a->retire, addr_free);
	proto_netif_event(nif->stack, nif, NETIF_EVENT_ADDR);
}

void
netif_addr_retire_all(struct netif *nif)
{
	struct netif_addr *a;

	while ((a = PSLIST_WRITER_FIRST(
		    &nif->addrs, struct netif_addr, link)) != NULL) {
		pslist_writer_remove(&a->link);
		pserialize_call(&a->retire, addr_free);
	}
}

/* The first of family af from e on. */
static const struct netif_addr *
of_family(const struct pslist_entry *e, enum netif_af af)
{
	for (; e != NULL; e = core_list_next(e)) {
		const struct netif_addr *a =
		    PSLIST_ENTRY(e, const struct netif_addr, link);

		if (a->af == af)
			return a;
	}
	return NULL;
}

const struct netif_addr *
netif_addr_first(const struct netif *nif, enum netif_af af)
{
	return of_family(core_list_first(&nif->addrs), af);
}

const struct netif_addr *
netif_addr_next(const struct netif_addr *a)
{
	return of_family(core_list_next(&a->link), a->af);
}
