/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Start-up of the machine "virt" of QEMU without firmware: every hart begins at
 * 0x80000000 in machine mode, interrupts off, and is a CPU of the same number.
 */

#define STACK_SHIFT 16 /* as in link.ld */

	.section .text.boot, "ax"
	.globl	_start
_start:
	csrw	mie, zero
	csrr	tp, mhartid		/* machine_cpu() */
	la	t0, machine_trap_entry
	csrw	mtvec, t0
	la	sp, __stacks		/* ours ends at __stacks[tp + 1] */
	addi	t0, tp, 1
	slli	t0, t0, STACK_SHIFT
	add	sp, sp, t0
	bnez	tp, park
	call	bare_boot

	/*
	 * Sleep until machine_cpu_start() has set our word.  A message ends
	 * the wfi, though interrupts stay off.
	 */
park:	csrwi	mie, 8			/* MSIE */
	la	t0, machine_go
	slli	t1, tp, 2
	add	t0, t0, t1
1:	wfi
	lw	t1, 0(t0)
	beqz	t1, 1b
	fence	r, rw
	call	bare_arrive

/*
 * An interrupt, or a mistake.  Saved is what a C function may change; the rest
 * it saves itself.  Interrupts are off until mret.
 */
	.text
	.balign	4
	.globl	machine_trap_entry
machine_trap_entry:
	addi	sp, sp, -128
	sd	ra, 0(sp)
	sd	t0, 8(sp)
	sd	t1, 16(sp)
	sd	t2, 24(sp)
	sd	t3, 32(sp)
	sd	t4, 40(sp)
	sd	t5, 48(sp)
	sd	t6, 56(sp)
	sd	a0, 64(sp)
	sd	a1, 72(sp)
	sd	a2, 80(sp)
	sd	a3, 88(sp)
	sd	a4, 96(sp)
	sd	a5, 104(sp)
	sd	a6, 112(sp)
	sd	a7, 120(sp)
	csrr	a0, mcause
	csrr	a1, mepc
	csrr	a2, mtval
	call	machine_trap
	ld	ra, 0(sp)
	ld	t0, 8(sp)
	ld	t1, 16(sp)
	ld	t2, 24(sp)
	ld	t3, 32(sp)
	ld	t4, 40(sp)
	ld	t5, 48(sp)
	ld	t6, 56(sp)
	ld	a0, 64(sp)
	ld	a1, 72(sp)
	ld	a2, 80(sp)
	ld	a3, 88(sp)
	ld	a4, 96(sp)
	ld	a5, 104(sp)
	ld	a6, 112(sp)
	ld	a7, 120(sp)
	addi	sp, sp, 128
	mret
