/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "libsync/base/point.h"

/* How often this thread gave up its processor. */
static long
gave_up(void)
{
	struct rusage ru;

	cr_assert_eq(getrusage(RUSAGE_THREAD, &ru), 0);
	return ru.ru_nvcsw + ru.ru_nivcsw;
}

static long
pass(int times)
{
	const long before = gave_up();

	for (int i = 0; i < times; i++)
		sync_point("test");
	return gave_up() - before;
}

Test(base_point, disturbs_when_told_to_and_stops)
{
	long asked;

	sync_point_yield(7, 4);
	/* One in four, of which one in sixteen sleeps. */
	asked = pass(10000);
	cr_assert_gt(asked, 50);
	sync_point_yield(7, 0);
	cr_assert_lt(pass(10000), asked);
}
