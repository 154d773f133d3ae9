/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LIBSYNC_DLOPEN_PLUGIN_H
#define TESTS_LIBSYNC_DLOPEN_PLUGIN_H

#include <stdint.h>

/* What the plug-in of test_dlopen.c offers, under the name "dlopen_plugin". */
struct dlopen_plugin {
	/* A read section that reads *p. */
	uint64_t (*read)(const uint64_t *p);

	/* A grace period, then a deferred call that has run on return. */
	void (*wait)(void);
};

#endif /* TESTS_LIBSYNC_DLOPEN_PLUGIN_H */
