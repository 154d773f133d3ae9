/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_MMIO_H
#define LIBSYNC_PORT_BARE_MMIO_H

/* Registers of devices.  Each access is made once, as wide as it says. */

#include "libsync/port/bare/types.h"

static inline void
mmio_write8(uintptr_t at, uint8_t v)
{
	*(volatile uint8_t *)at = v;
}

static inline uint8_t
mmio_read8(uintptr_t at)
{
	return *(volatile const uint8_t *)at;
}

static inline void
mmio_write32(uintptr_t at, uint32_t v)
{
	*(volatile uint32_t *)at = v;
}

static inline uint32_t
mmio_read32(uintptr_t at)
{
	return *(volatile const uint32_t *)at;
}

static inline void
mmio_write64(uintptr_t at, uint64_t v)
{
	*(volatile uint64_t *)at = v;
}

static inline uint64_t
mmio_read64(uintptr_t at)
{
	return *(volatile const uint64_t *)at;
}

#endif /* LIBSYNC_PORT_BARE_MMIO_H */
