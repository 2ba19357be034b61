"""Gives a git-archive tarball's top folder another name and packs it as upstream does.

usage: rename_top_folder.py SOURCE.tar.gz NAME RESULT.tar.gz

Only the name and the checksum in each header change, so the result is the very
file that `git archive | gzip -n -6` makes of the tree under that name.
"""
import gzip
import subprocess
import sys

BLOCK = 512
NAME, SIZE, CHECKSUM, KIND, PREFIX = (slice(0, 100), slice(124, 136), slice(148, 156), slice(156, 157), slice(345, 500))
COMMENT_KIND = b"g"  # The pax header with the commit id stands outside the top folder.


def renamed(header, name):
    path = bytes(header[NAME]).rstrip(b"\0")
    if any(header[PREFIX]) or b"/" not in path:
        sys.exit(f"unexpected entry {path!r}")
    path = name.encode() + b"/" + path.split(b"/", 1)[1]
    if len(path) > 100:
        sys.exit(f"name too long for a tar header: {path!r}")
    header[NAME] = path.ljust(100, b"\0")
    header[CHECKSUM] = b" " * 8
    header[CHECKSUM] = b"%07o\0" % sum(header)
    return header


def main(source, name, result):
    archive = gzip.open(source).read()
    out, at = bytearray(), 0
    while any(archive[at:at + BLOCK]):  # An empty block ends the archive.
        header = bytearray(archive[at:at + BLOCK])
        size = int(header[SIZE].rstrip(b"\0 ") or b"0", 8)
        if header[KIND] != COMMENT_KIND:
            header = renamed(header, name)
        end = at + BLOCK + -(-size // BLOCK) * BLOCK
        out += header + archive[at + BLOCK:end]
        at = end
    out += archive[at:]
    with open(result, "wb") as packed:
        subprocess.run(["gzip", "-n", "-6", "-c"], input=bytes(out), stdout=packed, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
