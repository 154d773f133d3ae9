/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSERIALIZE_DOMAIN_H
#define LIBSYNC_PSERIALIZE_DOMAIN_H

/*
 * Domains of libsync/pserialize/pserialize.h: readers that stay long, or may
 * sleep, get one of their own and delay nobody else.  A number that is known
 * when the program is compiled costs its readers nothing; let
 * pserialize_domain_claim() reserve it.
 *
 * Objects belong to one domain: what a reader of domain 3 looks at is freed
 * after a grace period of domain 3.
 */

#include "libsync/pserialize/pserialize.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reserve a domain, whichever is free.  The name, for reports, stays valid.
 * Context: any thread; sleeps for a mutex.
 * Returns: 0 and the domain in *out; -ENOSPC if all are in use.
 */
int pserialize_domain_create(const char *name, unsigned *out);

/*
 * Reserve this domain, of 1 to PSERIALIZE_DOMAINS less one.
 * Context: any thread; sleeps for a mutex.
 * Returns: 0; -EBUSY if it is in use.
 */
int pserialize_domain_claim(unsigned domain, const char *name);

/*
 * Give a domain back, once the callbacks that wait in it have run.
 * Context: any thread outside a section, not a callback; sleeps.  Nobody is
 *          in a section of this domain, enters one, or uses it otherwise.
 */
void pserialize_domain_destroy(unsigned domain);

/*
 * The name for reports.
 * Context: any thread, signal handlers too; never sleeps; wait-free.
 * Returns: NULL if the domain is not in use.
 */
const char *pserialize_domain_name(unsigned domain);

/* As the functions without "domain": pserialize.h has their contracts. */
void pserialize_domain_perform(unsigned domain);
uint64_t pserialize_domain_poll_start(unsigned domain);
bool pserialize_domain_poll(unsigned domain, uint64_t gp);
bool pserialize_domain_poll_advance(unsigned domain);
void pserialize_domain_call(unsigned domain, struct pserialize_head *head,
    void (*fn)(struct pserialize_head *), size_t bytes);
void pserialize_domain_barrier(unsigned domain);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PSERIALIZE_DOMAIN_H */
