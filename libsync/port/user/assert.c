/* SPDX-License-Identifier: BSD-2-Clause */

#include "libsync/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void
sync_assert_fail(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: requirement failed: %s\n", file, line, expr);
	abort();
}
