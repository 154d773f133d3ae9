/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_APPLY_H
#define APPS_PSNETD_APPLY_H

/*
 * Make a stack what a configuration says, starting from another one: the
 * difference is applied operation by operation, and undone in reverse order if
 * one fails.
 */

#include "apps/config.h"

struct stack;

/* The options' values before any configuration. */
struct psnetd_apply_defaults {
	uint32_t options[IPV4_OPT_COUNT];
};

/*
 * Context: control thread, not in a read section, without the control mutex;
 *          sleeps.
 * Returns: 0, or a negative errno after filling *e, with the stack as it was.
 */
int psnetd_apply(struct stack *st, const struct config *old,
    const struct config *new, const struct psnetd_apply_defaults *dflt,
    struct config_error *e);

/*
 * Drop from c the interfaces and addresses that the stack lost since they were
 * configured, so that a difference to c makes them again.
 * Context: as psnetd_apply().
 */
void psnetd_apply_prune(struct stack *st, struct config *c);

#endif /* APPS_PSNETD_APPLY_H */
