/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Start-up of the machine "virt" of QEMU: CPU 0 begins at _start in exception
 * level 1, interrupts and caches off; PSCI starts the others at
 * machine_cpu_entry, where x0 is the number we asked for.
 */

#define STACK_SHIFT 16 /* as in link.ld */

/* ARM ARM D8.3: what a block descriptor says of a gigabyte. */
#define BLOCK    0x1
#define DEVICE   (0 << 2)	/* byte 0 of MAIR */
#define NORMAL   (1 << 2)	/* byte 1 */
#define SHARED   (3 << 8)	/* inner shareable */
#define ACCESSED (1 << 10)
#define NO_EXEC  (3 << 53)

/* 39-bit addresses, tables in shared write-back memory, no upper half. */
#define TCR  (25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32)
#define MAIR 0xff00		/* device nGnRnE, normal write-back */
#define SCTLR_M_C_I (1 << 0 | 1 << 2 | 1 << 12)

	.section .text.boot, "ax"
	.globl	_start, machine_cpu_entry
_start:
	mov	x0, #0
machine_cpu_entry:
	msr	daifset, #15
	msr	tpidr_el1, x0		/* machine_cpu() */

	/*
	 * Addresses are what they were, but RAM becomes memory that exclusive
	 * accesses work on, and that may be read unaligned.
	 */
	ldr	x1, =MAIR
	msr	mair_el1, x1
	ldr	x1, =TCR
	msr	tcr_el1, x1
	ldr	x1, =map
	msr	ttbr0_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	mrs	x1, sctlr_el1
	ldr	x2, =SCTLR_M_C_I
	orr	x1, x1, x2
	msr	sctlr_el1, x1
	isb

	ldr	x1, =vectors
	msr	vbar_el1, x1
	ldr	x1, =__stacks		/* ours ends at __stacks[x0 + 1] */
	add	x2, x0, #1
	add	x1, x1, x2, lsl #STACK_SHIFT
	mov	sp, x1
	cbnz	x0, 1f
	bl	bare_boot
1:	bl	bare_arrive

	.section .rodata
	.balign	4096
map:	.quad	0x00000000 + BLOCK + DEVICE + ACCESSED + NO_EXEC
	.quad	0x40000000 + BLOCK + NORMAL + SHARED + ACCESSED
	.fill	510, 8, 0

/* ARM ARM D1.3: sixteen entries of 128 bytes.  We come to the second four. */
	.text
	.macro	entry target
	.balign	128
	b	\target
	.endm

	.balign	2048
vectors:
	.rept	4
	entry	mistake
	.endr
	entry	mistake			/* synchronous */
	entry	interrupt
	.rept	10
	entry	mistake
	.endr

/*
 * Saved is what a C function may change; the rest it saves itself.  Interrupts
 * are off until eret, so the state that it restores is not overwritten.
 */
interrupt:
	stp	x0, x1, [sp, #-160]!
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x30, [sp, #144]
	bl	machine_irq
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x30, [sp, #144]
	ldp	x0, x1, [sp], #160
	eret

mistake:
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	mrs	x2, far_el1
	bl	bare_trap

/* int64_t machine_psci(function, a, b, c), SMC Calling Convention. */
	.globl	machine_psci
machine_psci:
	hvc	#0
	ret

/* uint64_t machine_semihosting(operation, block) */
	.globl	machine_semihosting
machine_semihosting:
	hlt	#0xf000
	ret
