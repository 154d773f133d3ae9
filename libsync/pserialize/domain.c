/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Which domains are in use.  All of them exist always; the mask tells the
 * reclaimer which to serve.
 *
 * Ordering pairs
 *   NAMED  use sets the domain's bit (release) -> mask loads it (acquire):
 *          the name is there, and what it points to, however the domain's
 *          number came to who asks.
 */

#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize_impl.h"

/* [a] atomic  [m] under mutex */
static struct {
	struct port_mutex mutex;
	SYNC_ATOMIC(uint32_t) used; /* [a][m] but for domain 0 */
	SYNC_ATOMIC(const char *) names[PSERIALIZE_DOMAINS]; /* [a][m] */
} domains = {.mutex = PORT_MUTEX_INIT, .used = {1}, .names = {{"global"}}};

uint32_t
pserialize_domain_mask(void)
{
	/* NAMED acquire: pairs with the release in use. */
	return sync_load_acquire(&domains.used);
}

static bool
in_use(unsigned d)
{
	return (pserialize_domain_mask() >> d & 1) != 0;
}

/* Caller holds the mutex. */
static bool
use(unsigned d, const char *name)
{
	if (in_use(d))
		return false;
	/* relaxed: the bit publishes it. */
	sync_store_relaxed(&domains.names[d], name);
	/* NAMED release: pairs with the acquire in mask. */
	sync_fetch_add_release(&domains.used, (uint32_t)1 << d);
	return true;
}

int
pserialize_domain_create(const char *name, unsigned *out)
{
	int err = -ENOSPC;

	SYNC_REQUIRE(name != NULL);
	port_mutex_lock(&domains.mutex);
	for (unsigned d = 1; d < PSERIALIZE_DOMAINS && err != 0; d++) {
		if (use(d, name)) {
			*out = d;
			err = 0;
		}
	}
	port_mutex_unlock(&domains.mutex);
	return err;
}

int
pserialize_domain_claim(unsigned domain, const char *name)
{
	bool mine;

	SYNC_REQUIRE(domain > 0 && domain < PSERIALIZE_DOMAINS && name != NULL);
	port_mutex_lock(&domains.mutex);
	mine = use(domain, name);
	port_mutex_unlock(&domains.mutex);
	return mine ? 0 : -EBUSY;
}

void
pserialize_domain_destroy(unsigned domain)
{
	const struct pserialize_limit none = {.policy = PSERIALIZE_NONE};

	SYNC_REQUIRE(
	    domain > 0 && domain < PSERIALIZE_DOMAINS && in_use(domain));
	pserialize_domain_perform(domain);
	pserialize_domain_barrier(domain);
	pserialize_set_limit(domain, &none);
	port_mutex_lock(&domains.mutex);
	/* relaxed: the mutex orders it before the next owner's. */
	sync_fetch_add_relaxed(&domains.used, ~((uint32_t)1 << domain) + 1);
	port_mutex_unlock(&domains.mutex);
}

const char *
pserialize_domain_name(unsigned domain)
{
	if (domain >= PSERIALIZE_DOMAINS || !in_use(domain))
		return NULL;
	/* relaxed: the bit published it. */
	return sync_load_relaxed(&domains.names[domain]);
}

void
pserialize_domain_fork_child(void)
{
	port_mutex_init(&domains.mutex);
}
