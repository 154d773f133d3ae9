/* SPDX-License-Identifier: BSD-2-Clause */

#include <stddef.h>

#include "tests/lpm/engine.h"

const struct lpm_engine *const lpm_engines[] = {
    &lpm_engine_fib4, &lpm_engine_fib6, NULL};
