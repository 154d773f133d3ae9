/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_LOAD_H
#define APPS_PSNETD_LOAD_H

/*
 * The bulk load of a prefix list from a file that a client passed: parsed in
 * slices between turns of the event loop, then committed at once.  While the
 * commit runs, the loop is turned from its progress calls: other clients are
 * answered, except that what changes the stack waits.
 *
 * Context: control thread.
 */

#include <stdbool.h>

struct psnetd;
struct psnetd_load;

/* Do the next slice of d->load.  d->load is NULL after the last. */
void psnetd_load_step(struct psnetd *d);

/*
 * The client is gone: a load that is still being parsed ends without effect,
 * a commit in progress is completed.
 */
void psnetd_load_orphan(struct psnetd_load *l);

/* End d->load without effect, if there is one; not during a commit. */
void psnetd_load_cancel(struct psnetd *d);

#endif /* APPS_PSNETD_LOAD_H */
