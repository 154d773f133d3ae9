/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer target: a configuration file.  Whatever parses must survive its
 * check, and differ from itself in nothing.
 */

#include <stdlib.h>

#include "apps/builtin.h"
#include "apps/config.h"
#include "apps/psnetd/diff.h"
#include "drivers/loop/loop.h"
#include "drivers/tap/tap.h"
#include "drivers/wire/wire.h"
#include "stack/core/stack.h"

const struct driver *const builtin_drivers[] = {
    &loop_driver, &tap_driver, &wire_driver, NULL};
const struct proto *const builtin_protos[] = {NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_config(const char *text, size_t len)
{
	static struct config_error e;
	struct psnetd_diff d;
	struct config c;

	if (config_parse(text, len, &c, &e) != 0) {
		char shown[512];

		config_error_show(&e, shown, sizeof(shown));
		if (e.what.reason[0] == '\0')
			abort();
		return;
	}
	if (config_check(&c, builtin_drivers, &e) == 0 &&
	    psnetd_diff(&c, &c, &d) == 0) {
		/* Routes are set, even none, and next hops that were lost. */
		if (d.nset != 0 || d.ndel != 0 ||
		    d.nops != (c.nobjects > 0 ? 3 : 1))
			abort();
		psnetd_diff_fini(&d);
	}
	config_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_config((const char *)data, size);
	return 0;
}
