/* SPDX-License-Identifier: BSD-2-Clause */

#include "stack/route/fib4_impl.h"

const struct fib4_body *
fib4_body_avx2(void)
{
	return NULL;
}
