#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Figures of libsync for kernels, as tables; scripts/kernel-figures runs it.

  instructions  of each operation, counted: in user space by valgrind, on bare
                metal and in Linux by qemu, whose machine has with -icount a
                clock of instructions
  size          of the object code of each module, by gcc -Os
  stack         the function and the chain of calls of each module that take
                most, by gcc -O2

--write puts them into docs/embedding.md, between their marks."""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lint"))
import stackuse  # noqa: E402
import targets  # noqa: E402

PAGE = ROOT / "docs/embedding.md"
FOLDER = "tests/kernel/figures"
LOOPS = f"{FOLDER}/figures.c"
UNKNOWN = "-"

# machine: the folder of its port, qemu for it, its status if all is well
BARE = {
    "x86-64": ("x86_64", ["qemu-system-x86_64", "-machine", "q35", "-cpu",
                          "max", "-bios", "qboot.rom", "-device",
                          "isa-debug-exit,iobase=0xf4,iosize=4"], 33),
    "aarch64": ("aarch64", ["qemu-system-aarch64", "-machine", "virt", "-cpu",
                            "max", "-semihosting"], 0),
    "riscv64": ("riscv64", ["qemu-system-riscv64", "-machine", "virt",
                            "-bios", "none"], 0),
}
# Each instruction takes a nanosecond, and nobody sleeps.
QEMU = ["-icount", "shift=0,sleep=off", "-accel", "tcg", "-m", "256",
        "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"]
KERNELS = ROOT / "build/kernels/linux"
LINUX_PARTS = ["port", "port/kernel", "port/linux", "pserialize", "pslist",
               "psref", "localcount", "lfqueue", "percpu", "radix_lf", "demux"]
LINUX_ARGUMENTS = ("console=ttyS0 quiet panic=-1 printk.time=0 lpj=4000000 "
                   "tsc=reliable mitigations=off cryptomgr.notests "
                   "preempt=voluntary")
LINUX_INIT = """#!/busybox sh
/busybox dmesg -n 8
/busybox insmod /count.ko
/busybox poweroff -f
"""
VARIANTS = {"XCALL": "", "FENCED": ", fenced", "SWITCH": ", switch"}

# In the order of the table: what figures.c calls it, and the page.
OPERATIONS = {
    "section": "read section, enter and exit",
    "section_nested": "the same inside another",
    "psref": "psref, acquire and release",
    "localcount": "localcount, acquire and release",
    "pslist_16": "walk of a pslist of 16",
    "radix_lf_lookup_16": "radix_lf lookup, 16 prefixes",
    "demux_lookup": "demux lookup, siphash of 8 bytes",
    "percpu_counters_add": "percpu counter, add",
    "percpu_pool": "percpu pool, alloc and free",
    "spsc": "spsc, push and pop",
    "mpsc": "mpsc, push and pop",
    "mpmc": "mpmc, push and pop",
    "segq": "segq, push and pop",
    "pcq": "pcq, put and get",
    "atomicq": "atomicq, push and pop",
    "stack": "stack, push and pop",
}


def run(command, good=0):
    """Run it from the root; returns what it printed."""
    print("+", *command, file=sys.stderr)
    done = subprocess.run(list(map(str, command)), text=True, check=False,
                          capture_output=True, stdin=subprocess.DEVNULL,
                          timeout=600)
    if done.returncode != good:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |",
             "|---|" + "---:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(map(str, r)) + " |" for r in rows]


def user_sources():
    return targets.core_sources() + sorted(
        p.as_posix() for folder in ("", "user/") for p in
        pathlib.Path("libsync/port").glob(f"{folder}*.c"))


def callgrind_counts(text):
    """{operation: instructions of all its rounds}, from the calls that
    figures_count() made, and how many rounds that were."""
    names = dict(re.findall(r"\((\d+)\) figure_(\w+)", text))
    own = re.search(r"\((\d+)\) figures_count\b", text).group(1)
    block = re.search(rf"^fn=\({own}\).*?(?=^fn=)", text,
                      re.S | re.M).group(0)
    costs, runs = {}, 1
    for number, calls, cost in re.findall(
            r"^cfn=\((\d+)\).*\ncalls=(\d+) .*\n\S+ (\d+)$", block, re.M):
        costs[names[number]] = int(cost)
        runs = int(calls)
    return costs, runs


def user_instructions():
    """{operation: instructions} in user space."""
    rounds = int(re.search(r"^#define ROUNDS (\d+)u",
                           (ROOT / LOOPS).read_text(), re.M).group(1))
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "figures")
        run(["gcc", *targets.user_flags("x86-64"), "-I.", "-O2", "-g",
             "-fno-ipa-icf", "-pthread", "-o", program, LOOPS,
             f"{FOLDER}/user.c", *user_sources()])
        out = pathlib.Path(folder, "callgrind")
        run(["valgrind", "-q", "--tool=callgrind",
             f"--callgrind-out-file={out}", program])
        costs, runs = callgrind_counts(out.read_text())
    empty = costs.pop("empty")
    return {name: round((cost - empty) / runs / rounds)
            for name, cost in costs.items()}


def boot(bare, variant, folder, *arguments):
    """Make an image in a folder and run it; returns what it printed."""
    machine, qemu, good = bare
    run(["make", "-s", "-j", os.cpu_count(), "-f",
         "tests/kernel/bare/Makefile", f"MACHINE={machine}",
         f"VARIANT={variant}", f"OUT={folder}", *arguments])
    return run([*qemu, *QEMU, "-smp", "2", "-kernel",
                f"{folder}/{machine}-{variant}.elf"], good)


def bare_instructions(isa, variant):
    """{operation: instructions} on bare metal."""
    with tempfile.TemporaryDirectory() as folder:
        said = boot(BARE[isa], variant, folder, "EXTRA=-USYNC_CHECKS",
                    f"PROGRAM={LOOPS} {FOLDER}/bare.c")
    return parse(said)


def parse(said):
    """{operation: instructions} of what the loops printed."""
    found = {name: int(n) for name, n in
             re.findall(r"^figure: (\w+) (\d+)\r?$", said, re.M)}
    if found.keys() != OPERATIONS.keys():
        sys.exit(f"not all operations were counted: {said}")
    return found


def linux_module(folder, release):
    """Build the module in a folder, and pack a root with it."""
    for source in ("libsync", FOLDER):
        shutil.copytree(source, folder / source)
    objects = [p.relative_to(folder).with_suffix(".o").as_posix()
               for part in LINUX_PARTS for p in
               sorted(folder.glob(f"libsync/{part}/*.c"))]
    objects += [f"{FOLDER}/figures.o", f"{FOLDER}/linux.o"]
    (folder / "Kbuild").write_text(
        "ccflags-y := -I$(src) -mcx16 -DLIBSYNC_VARIANT_XCALL\n"
        f"obj-m := count.o\ncount-y := {' '.join(objects)}\n")
    run(["make", "-s", "-C", f"/lib/modules/{release}/build", f"M={folder}",
         "-j", os.cpu_count(), "modules"])
    root = folder / "root"
    root.mkdir()
    shutil.copy("/bin/busybox", root / "busybox")
    shutil.copy(folder / "count.ko", root)
    (root / "init").write_text(LINUX_INIT)
    (root / "init").chmod(0o755)
    files = "busybox count.ko init".split()
    with open(folder / "initrd", "wb") as initrd:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], check=True,
                       cwd=root, input="\n".join(files).encode(),
                       stdout=initrd)


def linux_instructions():
    """{operation: instructions} in a module of the kernel that
    scripts/test-kernels boots; empty if it is not here yet."""
    kernel = next(iter(sorted(KERNELS.glob("vmlinux-*"))), None)
    if kernel is None:
        return {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        linux_module(folder, kernel.name.removeprefix("vmlinux-"))
        return parse(run(["qemu-system-x86_64", "-cpu", "max", *QEMU,
                          "-kernel", kernel, "-initrd", folder / "initrd",
                          "-append", LINUX_ARGUMENTS]))


def instructions(columns):
    """The table of {heading: {operation: instructions}}."""
    return table(["instructions"] + list(columns),
                 [[title] + [c.get(name, UNKNOWN) for c in columns.values()]
                  for name, title in OPERATIONS.items()])


def module(source):
    return source.split("/")[1]


def sources():
    """The core, and of the port what all kernels share."""
    return targets.core_sources() + targets.kernel_sources()


def gcc(isa):
    """gcc for a machine, and the flags of bare metal."""
    command = dict(targets.compilers(isa))["gcc"]
    return command, targets.bare_flags(isa, command, "XCALL")


def text_size(isa, source, folder):
    command, flags = gcc(isa)
    out = pathlib.Path(folder, "size.o")
    run([*command, *flags, "-I.", "-Os", "-fno-asynchronous-unwind-tables",
         "-fno-unwind-tables", "-c", source, "-o", out])
    return int(run(["size", out]).splitlines()[1].split()[0])


def sizes():
    """The table of bytes of code and constants of each module."""
    total, isas = {}, list(targets.TRIPLES)
    with tempfile.TemporaryDirectory() as folder:
        for isa in isas:
            for source in sources():
                row = total.setdefault(module(source), dict.fromkeys(isas, 0))
                row[isa] += text_size(isa, source, folder)
    rows = [[f"`{name}`"] + list(row.values())
            for name, row in sorted(total.items())]
    rows.append(["all"] + [sum(r[i] for r in rows)
                           for i in range(1, len(isas) + 1)])
    return table(["bytes of code, -Os"] + isas, rows)


def deepest(use, name):
    """(bytes, function) and (bytes, way) of a module that take most."""
    own = [(size, f) for f, size in use.own.items()
           if module(use.source[f]) == name]
    return max(own), max(use.chain(f) for _, f in own)


def stack():
    """The table of the stack that modules use."""
    uses = {isa: stackuse.measure(*gcc(isa), sources())
            for isa in targets.TRIPLES}
    rows = []
    for name in sorted({module(s) for s in sources()}):
        row = [f"`{name}`"]
        for use in uses.values():
            (size, function), (depth, way) = deepest(use, name)
            row.append(f"{size}, {depth}")
        rows.append([*row, f"`{stackuse.short(function)}`, "
                     f"`{stackuse.short(way[0])}`"])
    return table(["function, chain of calls", *uses, "which, on riscv64"],
                 rows)


def put(mark, lines):
    """Replace what stands between the marks in the page."""
    text = PAGE.read_text()
    new, n = re.subn(rf"(<!-- {mark} -->\n).*?(<!-- end -->)",
                     lambda m: m.group(1) + "\n" + "\n".join(lines) + "\n\n" +
                     m.group(2), text, flags=re.S)
    if n != 1:
        sys.exit(f"{PAGE}: no marks for {mark}")
    PAGE.write_text(new)


def main():
    os.chdir(ROOT)
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    columns = {"user, x86-64": user_instructions()}
    columns["Linux, x86-64"] = linux_instructions()
    for variant, title in VARIANTS.items():
        for isa in BARE:
            columns[isa + title] = bare_instructions(isa, variant)
    tables = {"instructions": instructions(columns), "size": sizes(),
              "stack": stack()}
    for mark, lines in tables.items():
        print("\n".join(lines) + "\n")
        if args.write:
            put(mark, lines)


if __name__ == "__main__":
    main()
