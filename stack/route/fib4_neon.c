/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Batch lookup for aarch64, which counts bits in its vector unit only: of four
 * addresses together.  Otherwise as fib4_batch.c has it.
 */

#include "stack/route/fib4_impl.h"

#if defined(__aarch64__) && defined(FIB4_VECTORS) && \
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#include <arm_neon.h>

#define GROUP 32u
#define LANES 4u

#define ALWAYS static inline __attribute__((always_inline))

/* The block of an address, asked for. */
ALWAYS const uint8_t *
ask(const struct fib4_view *v, uint32_t dst)
{
	/* BLOCK acquire: pairs with the release in publish. */
	const uint32_t at = sync_load_acquire(&v->direct[FIB4_WORD(dst)]);
	const uint8_t *block = v->blocks + (size_t)at * ROUTE_ARENA_GRANULE;

	__builtin_prefetch(block);
	return block;
}

/* The bits set in each half. */
ALWAYS uint64x2_t
count(uint64x2_t x)
{
	return vpaddlq_u32(
	    vpaddlq_u16(vpaddlq_u8(vcntq_u8(vreinterpretq_u8_u64(x)))));
}

/* Runs that begin up to the slots of two addresses. */
ALWAYS uint64x2_t
runs(const uint8_t *const block[2], uint32x2_t after)
{
	const uint64x2_t heads =
	    vcombine_u64(vld1_u64((const uint64_t *)(const void *)block[0]),
		vld1_u64((const uint64_t *)(const void *)block[1]));

	return count(vshlq_u64(heads, vreinterpretq_s64_u64(vmovl_u32(after))));
}

ALWAYS uint32_t
group_of(const struct fib4_view *v, const uint8_t *block, uint64_t r,
    uint32_t dst, bool wide)
{
	const uint32_t leaf =
	    wide ? ((const uint32_t *)(const void *)(block + 4))[r]
		 : ((const uint16_t *)(const void *)(block + 6))[r];
	const uint32_t longer = wide ? FIB4_WIDE_EXT : FIB4_NARROW_EXT;
	const uint32_t id = __builtin_expect((leaf & longer) != 0, 0)
				? fib4_ext_leaf(v, leaf, dst)
				: leaf;

	/* ALIAS acquire: pairs with the release in rebind. */
	return sync_load_acquire(&v->group[id]);
}

/* Four addresses whose blocks were asked for. */
ALWAYS void
groups(const struct fib4_view *v, const uint8_t *const *block,
    const uint32_t *dst, uint32_t *group, bool wide)
{
	const uint32x4_t last = vdupq_n_u32(FIB4_SLOTS - 1);
	const uint32x4_t slot = vandq_u32(vshrq_n_u32(vld1q_u32(dst), 8), last);
	const uint32x4_t after = vsubq_u32(last, slot);
	const uint64x2_t low = runs(block, vget_low_u32(after));
	const uint64x2_t high = runs(block + 2, vget_high_u32(after));
	const uint32_t found[LANES] = {
	    group_of(v, block[0], vgetq_lane_u64(low, 0), dst[0], wide),
	    group_of(v, block[1], vgetq_lane_u64(low, 1), dst[1], wide),
	    group_of(v, block[2], vgetq_lane_u64(high, 0), dst[2], wide),
	    group_of(v, block[3], vgetq_lane_u64(high, 1), dst[3], wide),
	};

	vst1q_u32(group, vld1q_u32(found));
}

/* Up to GROUP addresses, by fours; then one by one. */
ALWAYS void
body(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n, bool wide)
{
	const uint8_t *block[GROUP];
	unsigned int i, m;

	for (; n >= LANES; n -= m, dst += m, group += m) {
		m = n < GROUP ? n / LANES * LANES : GROUP;
		for (i = 0; i < m; i++)
			block[i] = ask(v, dst[i]);
		for (i = 0; i < m; i += LANES)
			groups(v, block + i, dst + i, group + i, wide);
	}
	for (i = 0; i < n; i++)
		/* ALIAS acquire: pairs with the release in rebind. */
		group[i] = sync_load_acquire(
		    &v->group[fib4_id_again(v, dst[i], wide)]);
}

static void
narrow(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, false);
}

static void
wide(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, true);
}

static const struct fib4_body neon = {"neon", narrow, wide};

const struct fib4_body *
fib4_body_neon(void)
{
	return &neon;
}

#else

const struct fib4_body *
fib4_body_neon(void)
{
	return NULL;
}

#endif
