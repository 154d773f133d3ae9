/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What waits when libsync stops: a callback that calls for the next, now in this
 * domain and now in another, and a target whose end takes some callbacks.
 */

#include "libsync/pserialize/domain.h"
#include "libsync/psref/psref.h"
#include "tests/kernel/ktest.h"

#define CHAIN 7u /* callbacks, one after the other */

/* Constant, or of the callbacks, and read once libsync has stopped. */
static struct {
	struct pserialize_head head;
	unsigned other; /* domain */
	unsigned run;   /* callbacks */
	struct psref_class *cls;
	struct psref_target target;
	unsigned made, destroyed; /* targets */
} last;

static void
link_run(struct pserialize_head *head)
{
	if (++last.run < CHAIN)
		pserialize_domain_call(
		    last.run % 2 != 0 ? last.other : 0, head, link_run, 1);
}

static void
target_destroyed(struct psref_target *t)
{
	(void)t;
	last.destroyed++;
	psref_class_destroy(last.cls);
}

void
ktest_leave(void)
{
	last.run = last.made = last.destroyed = 0;
	if (pserialize_domain_create("stop", &last.other) != 0)
		last.other = 0;
	pserialize_call(&last.head, link_run);
	if (psref_class_create("stop", &last.cls) != 0)
		return;
	last.made = 1;
	psref_target_init(&last.target, last.cls);
	psref_target_destroy_async(&last.target, last.cls, target_destroyed);
}

int
ktest_left(void)
{
	const unsigned left = CHAIN - last.run + (last.made - last.destroyed);

	if (left == 0)
		ktest_log("ktest: stop ok %u ops\n", CHAIN + last.made);
	else
		ktest_log("ktest: stop FAIL %u callbacks of %u and the ends of "
			  "%u targets of %u have not come\n"
			  "ktest: FAIL 1 of 1\n",
		    CHAIN - last.run, CHAIN, last.made - last.destroyed,
		    last.made);
	return (int)left;
}
