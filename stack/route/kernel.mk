# SPDX-License-Identifier: BSD-2-Clause
#
# The routing table for kernels: these sources, libsync and a port of it.  The
# bodies that need vector registers are empty there.
ROUTE_KERNEL_SOURCES := $(addprefix stack/route/,arena.c fib4.c fib4_avx2.c \
	fib4_avx512.c fib4_batch.c fib4_block.c fib4_compile.c fib4_ids.c \
	fib4_neon.c fib4_tables.c fib6.c fib6_batch.c fib6_build.c fib6_ids.c \
	fib6_paint.c fib6_tables.c fib_small.c host_kernel.c lpm.c)
