/* SPDX-License-Identifier: BSD-2-Clause */

/* Runs a test of genmc/, whose main() is model_main(), in the simulator. */

#include "tests/wsim/wsim.h"

int model_main(void);

WSIM_TEST(model)
{
	wsim_assert(model_main() == 0);
}
