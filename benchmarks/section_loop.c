/* SPDX-License-Identifier: BSD-2-Clause */

/* The loop around every section, to subtract. */

#include "benchmarks/section.h"

#define ENTER(s) __asm__ __volatile__("" : : : "memory")
#define EXIT(s)  __asm__ __volatile__("" : : : "memory")

SECTION_READ(loop);
SECTION_NESTED(loop);

const struct section section_loop = {
    .name = "loop",
    .read = loop_read,
    .nested = loop_nested,
};
