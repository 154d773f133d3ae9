/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer target: a configuration file, and, behind the first NUL, a list of
 * prefixes fed in pieces.  Whatever parses must survive its check, and differ
 * from itself in nothing.
 */

#include <stdlib.h>
#include <string.h>

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
fuzz_list(const char *text, size_t len)
{
	const struct spec_nexthop hop = {.via = 1, .weight = 1};
	struct words_error e;
	struct prefixlist l;
	int rc = prefixlist_init(&l, len % 2 != 0 ? &hop : NULL);

	while (rc == 0 && len > 0) {
		const size_t n = len < 13 ? len : 13;

		rc = prefixlist_feed(&l, text, n, &e);
		text += n;
		len -= n;
	}
	if (rc == 0)
		prefixlist_end(&l, &e);
	for (size_t i = 0; i < l.n; i++) {
		if (l.entries[i].hop >= l.nhops || l.entries[i].plen > 32)
			abort();
	}
	prefixlist_fini(&l);
}

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
		if (d.nset != 0 || d.ndel != 0 || d.nops != 1)
			abort();
		psnetd_diff_fini(&d);
	}
	config_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	const size_t n = nul != NULL ? (size_t)(nul - data) : size;

	fuzz_config((const char *)data, n);
	if (nul != NULL)
		fuzz_list((const char *)nul + 1, size - n - 1);
	return 0;
}
