# SPDX-License-Identifier: BSD-2-Clause
"""The machines that libsync is compiled for, the compilers for them that are
here, and the flags of each host."""
import functools
import pathlib
import shutil
import subprocess

TRIPLES = {"x86-64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu",
           "riscv64": "riscv64-linux-gnu"}
VARIANTS = ("XCALL", "FENCED", "SWITCH")

# As the project builds: a product of 16 bytes is one instruction where it can.
MACHINE = {"x86-64": ["-mcx16"], "aarch64": [], "riscv64": []}
# What a kernel adds: no registers but the general ones, no calls of helpers.
KERNEL = {
    "x86-64": ["-mno-red-zone", "-mgeneral-regs-only"],
    "aarch64": ["-mgeneral-regs-only", "-mno-outline-atomics"],
    "riscv64": ["-mabi=lp64", "-mcmodel=medany"],
}
FREESTANDING = ["-ffreestanding", "-nostdinc", "-fno-pic",
                "-fno-stack-protector", "-DLIBSYNC_PORT_BARE"]


@functools.cache
def works(command):
    """Does this compiler make code for its machine?"""
    if shutil.which(command[0]) is None:
        return False
    run = subprocess.run([*command, "-x", "c", "-S", "-o", "/dev/null", "-"],
                         input="int x;", text=True, capture_output=True,
                         check=False)
    return run.returncode == 0


def compilers(isa):
    """[(name, command)] of the compilers for a machine; gcc is one per
    machine, clang one for all."""
    triple = TRIPLES[isa]
    found = [("gcc", (f"{triple}-gcc",)),
             ("clang", ("clang", f"--target={triple}"))]
    return [(name, cmd) for name, cmd in found if works(cmd)]


def libc(isa):
    """Flags to find the C library of a machine, or None if it is not here."""
    if isa == "x86-64":
        return []
    folder = pathlib.Path("/usr", TRIPLES[isa], "include")
    return [f"-isystem{folder}"] if folder.is_dir() else None


def user_flags(isa):
    """Flags for user space, or None."""
    found = libc(isa)
    return None if found is None else \
        ["-std=c11", "-D_GNU_SOURCE", *MACHINE[isa], *found]


@functools.cache
def own_headers(command):
    """Where a compiler has the few headers that are part of it."""
    if command[0] == "clang":
        ask, rest = "-print-resource-dir", "include"
    else:
        ask, rest = "-print-file-name=include", ""
    folder = subprocess.run([*command, ask], check=True, text=True,
                            capture_output=True).stdout.strip()
    return pathlib.Path(folder, rest).as_posix()


def bare_flags(isa, command, variant):
    """Flags for bare metal."""
    # For gcc's assembler, csrr is an extension; clang 14 has no name for it.
    extension = "" if command[0] == "clang" else "_zicsr"
    return ["-std=gnu11", *FREESTANDING, *MACHINE[isa], *KERNEL[isa],
            *([f"-march=rv64imac{extension}"] if isa == "riscv64" else []),
            f"-isystem{own_headers(command)}",
            f"-DLIBSYNC_VARIANT_{variant}"]


def kernel_sources():
    """What kernels add to the core, and all hosts share."""
    return sorted(p.as_posix() for folder in ("", "kernel/") for p in
                  pathlib.Path("libsync/port").glob(f"{folder}*.c"))


def bare_sources(isa):
    """The port to bare metal, of one machine."""
    machine = {"x86-64": "x86_64"}.get(isa, isa)
    return sorted(p.as_posix() for folder in ("", f"{machine}/") for p in
                  pathlib.Path("libsync/port/bare").glob(f"{folder}*.c"))


def core_sources():
    """The sources of the core that kernels have, from the root: all but what
    is of one host, of user space alone, or of another interface."""
    return sorted(p.as_posix() for p in pathlib.Path("libsync").glob("*/*.c")
                  if p.parts[1] not in ("hazard", "port", "compat"))
