/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_LINUX_TYPES_H
#define LIBSYNC_PORT_LINUX_TYPES_H

/*
 * The Linux kernel: what the core needs of C's own headers, which a module
 * build does not have.
 */

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#ifndef UINT8_MAX
#define UINT8_MAX  U8_MAX
#define UINT16_MAX U16_MAX
#define UINT32_MAX U32_MAX
#define UINT64_MAX U64_MAX
#define INT32_MAX  S32_MAX
#define INT64_MAX  S64_MAX
#endif
#ifndef UINTPTR_MAX
#define UINTPTR_MAX ULONG_MAX
#endif

#ifndef UINT64_C
#define INT32_C(x)  x
#define UINT32_C(x) x##U
#define INT64_C(x)  x##LL
#define UINT64_C(x) x##ULL
#endif

/* Print what sync_assert_fail() prints, and return.  Context: any. */
void port_assert_report(const char *expr, const char *file, int line);

/*
 * sync_assert_fail() in each file: the build's objtool knows of a function that
 * it does not return only if it sees the end of it.
 */
static __always_unused noinline __noreturn __cold void
port_assert_fail(const char *expr, const char *file, int line)
{
	port_assert_report(expr, file, line);
	BUG();
}

#define PORT_ASSERT_FAIL port_assert_fail

#endif /* LIBSYNC_PORT_LINUX_TYPES_H */
