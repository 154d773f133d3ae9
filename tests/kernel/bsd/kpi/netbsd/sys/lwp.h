/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_LWP_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_LWP_H

/* curlwp(9), curlwp_bind(9). */

#include <sys/types.h>

struct lwp {
	lwpid_t l_lid;
	char *l_name;
};

typedef struct lwp lwp_t;

/* There inline, and of the machine. */
struct lwp *kpi_curlwp(void);
#define curlwp kpi_curlwp()

struct cpu_info;

/* No page: lwp_migrate() has the lock released. */
void lwp_lock(lwp_t *l);
void lwp_migrate(lwp_t *l, struct cpu_info *ci);

int curlwp_bind(void);
void curlwp_bindx(int bound);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_LWP_H */
