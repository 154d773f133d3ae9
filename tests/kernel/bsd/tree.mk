# SPDX-License-Identifier: BSD-2-Clause
#
# The headers of a real source tree, SRC, for tests/kernel/bsd/Makefile; as
# bsd.kmodule.mk of NetBSD and kmod.mk of FreeBSD find them: sys/, what the
# machine's are called in it, and no configuration of a kernel (opt_*.h) but
# what FreeBSD wants to know of processors.

T := $(OUT)/tree
LINK = mkdir -p $(T) && ln -sfn $(abspath $(SRC))/sys/$(2) $(T)/$(1)
PORT.x86_64 := amd64
PORT.aarch64.netbsd := aarch64
PORT.aarch64.freebsd := arm64
PORT := $(or $(PORT.$(ARCH)),$(PORT.$(ARCH).$(HOST)))

ifeq ($(HOST),netbsd)
$(shell $(call LINK,machine,arch/$(PORT)/include); \
	$(call LINK,$(PORT),arch/$(PORT)/include); \
	$(call LINK,x86,arch/x86/include); $(call LINK,i386,arch/i386/include); \
	$(call LINK,arm,arch/arm/include))
HEADERS := -isystem $(T) -isystem $(SRC)/sys -isystem $(SRC)/common/include \
	-D_MODULE -D_KMODULE
else
$(shell $(call LINK,machine,$(PORT)/include); \
	$(call LINK,x86,x86/include); $(call LINK,i386,i386/include); \
	printf '\#define SMP 1\n\#define INET 1\n' >$(T)/opt_global.h)
HEADERS := -isystem $(T) -isystem $(SRC)/sys \
	-isystem $(SRC)/sys/contrib/ck/include -include $(T)/opt_global.h \
	-DKLD_MODULE -DHAVE_KERNEL_OPTION_HEADERS
endif
# Macros of theirs are not as strict.
WARN := -Wall -Werror -Wno-error=pedantic
