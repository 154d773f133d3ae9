/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Start-up of a PC.  CPU 0 begins at _start in 32-bit protected mode, which is
 * what the note asks of the loader (the PVH entry of Xen's boot protocol); the
 * others begin at trampoline in 16-bit real mode, which is what a start-up
 * message does.  All go on in 64-bit mode at long_mode.
 */

#include "libsync/port/bare/x86_64/vectors.h"

#define STACK_SHIFT 16 /* as in link.ld */

#define CODE64 0x08
#define DATA   0x10
#define CODE32 0x18

#define CR0_PE   0x1
#define CR0_PG   0x80000000
#define CR4_PAE  0x20
#define EFER     0xc0000080
#define EFER_LME 0x100
#define GS_BASE  0xc0000101

#define GIGABYTE 0x83 /* a page of that size: present, writable */
#define UNCACHED 0x10

	.section .note.pvh, "a", @note
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.section .text.boot, "ax"
	.code32
	.globl	_start
_start:
	cli
	xorl	%edi, %edi

/* edi: our number.  Addresses stay what they are, the devices' uncached. */
protected_mode:
	lgdt	gdt_register
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$map, %eax
	movl	%eax, %cr3
	movl	$EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$(CR0_PG | CR0_PE), %eax
	movl	%eax, %cr0
	ljmp	$CODE64, $long_mode

	.code64
long_mode:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs

	/* machine_cpu() reads the first word of gs. */
	movl	%edi, %eax
	leaq	numbers(, %rax, 4), %rax
	movl	%edi, (%rax)
	xorl	%edx, %edx
	movl	$GS_BASE, %ecx
	wrmsr

	leal	1(%rdi), %esp		/* ours ends at __stacks[edi + 1] */
	shll	$STACK_SHIFT, %esp
	addl	$__stacks, %esp
	testl	%edi, %edi
	jnz	1f
	call	bare_boot
1:	call	bare_arrive

	.code32
others_protected:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	machine_starting, %edi
	jmp	protected_mode

/*
 * machine_cpu_start() copies this to TRAMPOLINE, below a megabyte, where cs is
 * that address; nothing in it but the jump out may be absolute.
 */
	.code16
	.globl	machine_trampoline, machine_trampoline_end
machine_trampoline:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	gdt_register - machine_trampoline
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$CODE32, $others_protected
	.balign	8
gdt_register:
	.word	gdt_end - gdt - 1
	.long	gdt
machine_trampoline_end:

	.section .rodata
	.balign	8
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* CODE64, marked as accessed */
	.quad	0x00cf93000000ffff	/* DATA */
	.quad	0x00cf9b000000ffff	/* CODE32 */
gdt_end:

	.balign	4096
map:	.quad	map_4g + 3
	.fill	511, 8, 0
map_4g:	.quad	0x00000000 + GIGABYTE
	.quad	0x40000000 + GIGABYTE
	.quad	0x80000000 + GIGABYTE
	.quad	0xc0000000 + GIGABYTE + UNCACHED
	.fill	508, 8, 0

	.bss
	.balign	4
numbers:
	.skip	4 * 8			/* MACHINE_CPUS */

/*
 * Interrupts.  Saved is what a C function may change; the rest it saves itself.
 * The processor aligned the stack and pushed 40 bytes, we push 72.
 */
	.text
	.code64
	.macro	interrupt name, handler
	.globl	\name
\name:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	cld
	call	\handler
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	iretq
	.endm

	interrupt machine_timer_entry, machine_timer
	interrupt machine_message_entry, machine_message_came

	.globl	machine_spurious_entry
machine_spurious_entry:
	iretq

/*
 * Mistakes: each of the 32 exceptions has an entry of 16 bytes that tells its
 * number.  Some push an error code, the others get one; nobody returns.
 */
	.balign	16
	.globl	machine_exceptions
machine_exceptions:
	.set	n, 0
	.rept	EXCEPTIONS
	.balign	16
	.if	!(EXCEPTIONS_WITH_CODE >> n & 1)
	pushq	$0
	.endif
	movl	$n, %edi
	jmp	mistake
	.set	n, n + 1
	.endr
mistake:
	cld
	movq	8(%rsp), %rsi		/* where */
	movq	%cr2, %rdx		/* the address, if it is about one */
	andq	$-16, %rsp
	call	bare_trap
