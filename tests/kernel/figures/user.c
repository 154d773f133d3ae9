/* SPDX-License-Identifier: BSD-2-Clause */

/* The loops of figures.c in user space, where valgrind counts them. */

#include "tests/kernel/figures/figures.h"

int
main(void)
{
	return ktest_figures() != 0;
}
