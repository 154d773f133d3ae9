/* SPDX-License-Identifier: BSD-2-Clause */

/* Two stores to a thread-local word, which no section can do without. */

#include "benchmarks/section.h"

static __thread SYNC_ATOMIC(unsigned long) word
    __attribute__((tls_model("initial-exec")));

/* relaxed: nobody reads it; here is what the stores alone cost. */
#define ENTER(s) sync_store_relaxed(&word, 1)
/* relaxed: as above. */
#define EXIT(s) sync_store_relaxed(&word, 0)

SECTION_READ(floor);
SECTION_NESTED(floor);

const struct section section_floor = {
    .name = "floor",
    .read = floor_read,
    .nested = floor_nested,
};
