/* SPDX-License-Identifier: BSD-2-Clause */

#include "benchmarks/section.h"
#include "libsync/pserialize/pserialize.h"

#define ENTER(s) const uint64_t s = pserialize_read_enter()
#define EXIT(s)  pserialize_read_exit(s)

SECTION_READ(pserialize);
SECTION_NESTED(pserialize);

const struct section section_pserialize = {
    .name = "pserialize",
    .read = pserialize_read,
    .nested = pserialize_nested,
    .synchronize = pserialize_perform,
};
