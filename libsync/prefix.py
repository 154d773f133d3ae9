# SPDX-License-Identifier: BSD-2-Clause
"""prefix.py NM PREFIX ARCHIVE HEADER: write a header that gives every symbol
that the archive exports a prefix."""
import re
import subprocess
import sys


def main():
    nm, prefix, archive, header = sys.argv[1:]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix):
        sys.exit(f"{prefix!r} cannot begin the name of a symbol")
    out = subprocess.run([nm, "-g", "--defined-only", archive], check=True,
                         capture_output=True, text=True).stdout
    names = sorted(set(re.findall(r"^[0-9a-f]+ [A-Z] ([a-z]\w*)$", out, re.M)))
    if not names:
        sys.exit(f"{archive} exports nothing")
    with open(header, "w", encoding="ascii") as f:
        f.write("/* SPDX-License-Identifier: BSD-2-Clause */\n\n"
                "#ifndef LIBSYNC_PREFIX_H\n#define LIBSYNC_PREFIX_H\n\n")
        f.writelines(f"#define {n} {prefix}{n}\n" for n in names)
        f.write("\n#endif /* LIBSYNC_PREFIX_H */\n")


main()
