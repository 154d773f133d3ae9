/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MODULE_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MODULE_H

/* module(9), DECLARE_MODULE(9). */

#include <sys/types.h>

typedef struct module *module_t;

typedef enum modeventtype {
	MOD_LOAD,
	MOD_UNLOAD,
	MOD_SHUTDOWN,
	MOD_QUIESCE
} modeventtype_t;

typedef int (*modeventhand_t)(module_t, int, void *);

typedef struct moduledata {
	const char *name;
	modeventhand_t evhand;
	void *priv;
} moduledata_t;

/* There the record goes to a section that the loader reads; here it is found
 * by its name. */
#define DECLARE_MODULE(name, data, sub, order)        \
	extern const moduledata_t *kpi_module_##name; \
	const moduledata_t *kpi_module_##name = &(data)

#define MODULE_VERSION(name, version)        \
	extern const int kpi_version_##name; \
	const int kpi_version_##name = (version)

#define MODULE_DEPEND(name, on, min, want, max) \
	extern const int kpi_depend_##name;     \
	const int kpi_depend_##name = (want)

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MODULE_H */
