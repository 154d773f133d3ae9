/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_VERIFY_H
#define APPS_PSNETD_VERIFY_H

/*
 * The verification of routing tables that are in use, a chunk between two turns
 * of the event loop: other clients are answered, and may change routes, all the
 * while.
 *
 * Context: control thread.
 */

struct psnetd;
struct psnetd_verify;

/* Do the next chunk of d->verify.  d->verify is NULL after the last. */
void psnetd_verify_step(struct psnetd *d);

/* The client is gone: there is nobody to tell. */
void psnetd_verify_orphan(struct psnetd_verify *v);

/* End d->verify, if there is one. */
void psnetd_verify_cancel(struct psnetd *d);

#endif /* APPS_PSNETD_VERIFY_H */
