/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_MODULE_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_MODULE_H

/* module(9). */

#include <sys/types.h>

typedef enum modclass {
	MODULE_CLASS_MISC = 1
} modclass_t;

typedef enum modcmd {
	MODULE_CMD_INIT,
	MODULE_CMD_FINI,
	MODULE_CMD_STAT,
	MODULE_CMD_AUTOUNLOAD
} modcmd_t;

typedef struct modinfo {
	u_int mi_version;
	modclass_t mi_class;
	int (*mi_modcmd)(modcmd_t, void *);
	const char *mi_name;
	const char *mi_required;
} const modinfo_t;

/* There the record goes to a section that the loader reads; here it is found
 * by its name. */
#define MODULE(class, name, required)               \
	static int name##_modcmd(modcmd_t, void *); \
	extern modinfo_t kpi_module_##name;         \
	modinfo_t kpi_module_##name = {             \
	    .mi_version = __NetBSD_Version__,       \
	    .mi_class = (class),                    \
	    .mi_modcmd = name##_modcmd,             \
	    .mi_name = #name,                       \
	    .mi_required = (required),              \
	}

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_MODULE_H */
