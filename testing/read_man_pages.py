#!/usr/bin/env python3
"""Writes the errnos that manual pages list and mention, for fault_menu_test.

usage: read_man_pages.py DIRECTORY VERSION >man_page_errors.txt

DIRECTORY has the pages of Debian's packages manpages-dev and manpages, for
example after:

  apt-get download manpages-dev manpages
  for package in manpages*.deb; do dpkg-deb -x "$package" pages; done
  testing/read_man_pages.py pages/usr/share/man 6.03-2 >testing/man_page_errors.txt

(An installed package will not do everywhere: Debian's images for containers
leave the pages out.)
"""

import errno
import gzip
import pathlib
import re
import sys

# One for each call of reactor/kernel.h, and those that its socket calls refer
# to.
PAGES = """
accept4.2 bind.2 clock_gettime.2 close.2 connect.2 epoll_create1.2 epoll_ctl.2
epoll_pwait2.2 epoll_wait.2 eventfd.2 fcntl.2 fstat.2 getdents64.2
execve.2 fork.2 getpeername.2 getrlimit.2 getsockname.2 getsockopt.2 ip.7 kill.2 listen.2
openat.2 openat2.2 pidfd_open.2 pidfd_send_signal.2 posix_spawn.3 pread.2 read.2
recv.2 recvmmsg.2 recvmsg.2 sched_getaffinity.2 sched_setaffinity.2 send.2
sendfile.2 sendmmsg.2 sendmsg.2 setsockopt.2 shutdown.2 signalfd.2
sigprocmask.2 socket.2 socket.7 socketpair.2 tcp.7 timerfd_create.2
timerfd_settime.2 udp.7 unix.7 unlinkat.2 waitid.2 write.2
""".split()

# What EWOULDBLOCK is on Linux, say, is under another name.
NAMES = set(errno.errorcode.values())


def read(root, page):
    """Returns the source of a page, of the one that it refers to if it does."""
    folder = root / f"man{page[-1]}"
    for path in (folder / f"{page}.gz", folder / page):
        if path.exists():
            data = path.read_bytes()
            text = gzip.decompress(data) if path.suffix == ".gz" else data
            text = text.decode("utf-8")
            link = re.match(r"\.so man\d/(\S+)", text)
            return read(root, link.group(1)) if link else text
    sys.exit(f"read_man_pages.py: {page}: not below {root}")


def errors_in(text):
    return {name for name in re.findall(r"\bE[A-Z0-9]+\b", text) if name in NAMES}


def listed(text):
    """Returns the errnos that have an entry under ERRORS."""
    section = re.search(r'^\.SH "?ERRORS"?\n(.*?)(?=^\.SH|\Z)', text, re.S | re.M)
    found = set()
    for line in re.findall(r"^\.TP.*\n(\.BR? .*)", section.group(1) if section else "", re.M):
        found |= errors_in(line)
    return found


def main():
    root = pathlib.Path(sys.argv[1])
    print(f"# Made by read_man_pages.py from manpages {sys.argv[2]}. Do not edit.")
    for page in PAGES:
        text = read(root, page)
        entries = listed(text)
        print(" ".join([page, "lists", *sorted(entries)]))
        print(" ".join([page, "mentions", *sorted(errors_in(text) - entries)]))


if __name__ == "__main__":
    main()
