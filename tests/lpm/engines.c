/* SPDX-License-Identifier: BSD-2-Clause */

#include <stddef.h>

#include "tests/lpm/engine.h"

const struct lpm_engine *const lpm_engines[] = {NULL};
