/* SPDX-License-Identifier: BSD-2-Clause */

#include "stack/core/drop.h"

#include "libsync/base/assert.h"

static const struct {
	const char *name, *text;
} reasons[DROP_REASON_COUNT] = {
#define X(constant, name, sentence) [DROP_##constant] = {name, sentence},
    DROP_REASONS(X)
#undef X
};

const char *
drop_reason_name(enum drop_reason reason)
{
	SYNC_REQUIRE(reason < DROP_REASON_COUNT);
	return reasons[reason].name;
}

const char *
drop_reason_text(enum drop_reason reason)
{
	SYNC_REQUIRE(reason < DROP_REASON_COUNT);
	return reasons[reason].text;
}
