#!/usr/bin/env python3
"""The daemon judged on the wire: tables of requests and what must come back.

Each malformed request is followed by a well-formed one in the same write. If
that is answered, or a byte of a body is, the connection has lost its place,
and the case fails. Names of cases begin with the requirement that they check.
"""

import collections
import concurrent.futures
import contextlib
import email.utils
import errno
import os
import pathlib
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HTTPD = os.path.abspath("httpd/httpd")

# For everything that has to happen; what does not come by then is a failure.
DEADLINE = 15

# Memory is then another, and everything takes longer.
SANITIZED = re.search(rb"__[at]san_init", pathlib.Path(HTTPD).read_bytes())

# Stands where an answer must not repeat what a request says.
MARKER = "zq7Marker"

HELLO = b"Hello, World!"
NEXT = b"GET /plaintext HTTP/1.1\r\nHost: next\r\n\r\n"
LAST = b"GET /plaintext HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"

CASES = collections.Counter()


def b(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def head(*lines):
    return b"".join(b(line) + b"\r\n" for line in lines) + b"\r\n"


def get(path, *fields, method="GET", version="1.1", host="Host: a"):
    return head(f"{method} {path} HTTP/{version}", *([host] if host else []),
                *fields)


def post(body, *fields, path="/echo"):
    return head(f"POST {path} HTTP/1.1", "Host: a",
                f"Content-Length: {len(body)}", *fields) + b(body)


CHUNKED = head("POST /echo HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")


# The daemon.

CONFIG = """
listener {{ address: "127.0.0.1:0" }}
route {{ path: "/" fixed {{ body: "ha?\\n" }} }}
route {{ path: "/plaintext" fixed {{ body: "Hello, World!" }} }}
route {{ path: "/nothing" fixed {{ status: 204 }} }}
route {{ path: "/echo" echo {{}} }}
route {{ path: "/users/{{id}}/posts" echo {{}} }}
route {{ path: "/old" redirect {{ location: "/files/" }} }}
route {{ path: "/where" fixed {{ body: "any" }} }}
route {{ path: "/where" host: "one.example" fixed {{ body: "one" }} }}
route {{ path: "/where" host: "*.two.example" fixed {{ body: "two" }} }}
route {{ prefix: "/files/" files {{ root: "{root}" }} }}
route {{ prefix: "/listed/" files {{ root: "{root}" listing: true }} }}
{more}
"""


class Daemon:
    """A running daemon, killed when its block ends."""

    def __init__(self, root="/", more="", preexec=None):
        self.process = subprocess.Popen(
            [HTTPD, "--config_text=" + CONFIG.format(root=root, more=more)],
            stdout=subprocess.PIPE, preexec_fn=preexec)
        url = self.process.stdout.readline().decode().strip()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", url)
        assert match, f"not a URL: {url!r}"
        self.address = ("127.0.0.1", int(match[1]))
        # What else it says must not fill the pipe.
        self._reader = threading.Thread(target=self.process.stdout.read)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = self._stat().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        fields = self._stat().rpartition(")")[2].split()
        return int(fields[21]) * os.sysconf("SC_PAGE_SIZE")

    def _stat(self):
        return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()

    def barrier(self):
        """Returns when all that was sent before has been read.

        The daemon has one loop, which takes what is ready in order.
        """
        with self.connect() as wire:
            wire.send(LAST)
            wire.read_to_end()

    def connect(self, **options):
        return Wire(self.address, **options)

    def wait_for_descriptors(self, at_most, seconds=DEADLINE):
        until = time.monotonic() + seconds
        while self.descriptors() > at_most:
            if time.monotonic() > until:
                raise AssertionError(
                    f"{self.descriptors()} descriptors, not {at_most}")
            time.sleep(0.005)


# The client.

FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)")


class Response:
    """One response, checked for what every response must be."""

    def __init__(self, stream, method):
        end = stream.find(b"\r\n\r\n")
        if end < 0:
            raise Incomplete(stream)
        lines = stream[:end].split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [\x20-\x7e]*", lines[0])
        assert match, f"not a status line: {stream[:80]!r}"
        self.status = int(match[1])
        self.fields = []
        for line in lines[1:]:
            match = FIELD.fullmatch(line)
            assert match, f"not a field: {line!r}"
            self.fields.append((match[1].decode().lower(), match[2].decode()))
        body_start = end + 4
        self.length = self.only("content-length")
        codings = self.all("transfer-encoding")
        self.body = b""
        if self.status < 200:
            assert self.length is None and not codings, lines
            self.bytes = body_start
            return
        self._check_general()
        if self.status == 204:
            assert self.length is None and not codings, lines
            self.bytes = body_start
            return
        assert self.length is None or re.fullmatch(r"0|[1-9]\d*", self.length)
        if method == "HEAD" or self.status == 304:
            self.bytes = body_start
            return
        assert codings in ([], ["chunked"]), codings
        assert (self.length is None) == bool(codings), lines
        if codings:
            self.body, self.bytes = read_chunks(stream, body_start)
        else:
            self.bytes = body_start + int(self.length)
            if len(stream) < self.bytes:
                raise Incomplete(stream)
            self.body = stream[body_start:self.bytes]

    def all(self, name):
        return [value for name_, value in self.fields if name_ == name]

    def only(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    def closes(self):
        return self.all("connection") == ["close"]

    def _check_general(self):
        date = self.only("date")
        assert date and re.fullmatch(
            r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date), date
        age = time.time() - email.utils.parsedate_to_datetime(date).timestamp()
        # Whole seconds, kept for one, and read a little later.
        assert -1 < age < 4, f"Date is {age} s old"
        assert not re.search(r"\d", self.only("server") or "")
        if self.status >= 400:
            assert self.length is not None, "an error without Content-Length"
            assert MARKER.lower().encode() not in self.body.lower()


class Incomplete(AssertionError):
    pass


def read_chunks(stream, offset):
    body = b""
    while True:
        end = stream.find(b"\r\n", offset)
        if end < 0:
            raise Incomplete(stream)
        assert re.fullmatch(rb"[0-9a-fA-F]+", stream[offset:end])
        size = int(stream[offset:end], 16)
        offset = end + 2
        if len(stream) < offset + size + 2:
            raise Incomplete(stream)
        assert stream[offset + size:offset + size + 2] == b"\r\n"
        body += stream[offset:offset + size]
        offset += size + 2
        if size == 0:
            return body, offset


def responses(stream, methods=()):
    """All responses in what came until the end."""
    found = []
    methods = list(methods)
    while stream:
        response = Response(stream, methods[0] if methods else "GET")
        stream = stream[response.bytes:]
        found.append(response)
        if response.status >= 200:
            methods = methods[1:]
    return found


class Wire:
    """A connection. It has to end with a FIN, unless a case says otherwise."""

    def __init__(self, address, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(DEADLINE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(address)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def finish(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        self.socket.close()

    def read_response(self, method="GET"):
        while True:
            try:
                response = Response(self.buffer, method)
            except Incomplete:
                more = self._receive()
                assert more, f"the end, after {self.buffer[:200]!r}"
                self.buffer += more
                continue
            self.buffer = self.buffer[response.bytes:]
            return response

    def read_to_end(self):
        received = [self.buffer]
        self.buffer = b""
        while True:
            more = self._receive()
            if not more:
                return b"".join(received)
            received.append(more)

    def read_responses(self, methods=()):
        return responses(self.read_to_end(), methods)

    def _receive(self):
        try:
            return self.socket.recv(1 << 18)
        except TimeoutError:
            raise AssertionError(
                f"nothing more came after {self.buffer[-200:]!r}") from None
        except ConnectionResetError:
            raise AssertionError("reset instead of a FIN") from None

    def is_silent(self, seconds=0):
        return not select.select([self.socket], [], [], seconds)[0]

    def talk(self, pieces):
        """Sends and reads at the same time; returns all that came."""
        self.socket.setblocking(False)
        received = [self.buffer]
        self.buffer = b""
        pieces = collections.deque(pieces)
        until = time.monotonic() + DEADLINE
        is_open = True
        while is_open or pieces:
            readable, writable, _ = select.select(
                [self.socket] if is_open else [],
                [self.socket] if pieces else [], [],
                max(0, until - time.monotonic()))
            assert readable or writable, (
                f"it hangs after {b''.join(received)[-200:]!r}")
            try:
                if readable:
                    more = self.socket.recv(1 << 18)
                    received.append(more)
                    is_open = bool(more)
                if writable:
                    sent = self.socket.send(pieces[0])
                    if sent == len(pieces[0]):
                        pieces.popleft()
                    else:
                        pieces[0] = pieces[0][sent:]
            except (ConnectionResetError, BrokenPipeError) as error:
                raise AssertionError(
                    f"{error} after {b''.join(received)[:200]!r}") from None
        self.socket.settimeout(DEADLINE)
        return b"".join(received)


def byte_by_byte(data):
    """Long texts in fewer pieces, cut everywhere at their ends."""
    if len(data) <= 600:
        return [data[i:i + 1] for i in range(len(data))]
    middle = data[200:-200]
    return ([data[i:i + 1] for i in range(200)] +
            [middle[i:i + 4093] for i in range(0, len(middle), 4093)] +
            [data[i:i + 1] for i in range(len(data) - 200, len(data))])


class WireTest(unittest.TestCase):
    """What the tests below share: a daemon with a tree of files."""

    MORE = ""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.directory = cls.stack.enter_context(tempfile.TemporaryDirectory())
        cls.root = os.path.join(cls.directory, "www")
        make_tree(pathlib.Path(cls.directory))
        cls.daemon = cls.stack.enter_context(cls.start())

    @classmethod
    def start(cls, more=None, preexec=None):
        return Daemon(cls.root, cls.MORE if more is None else more, preexec)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @contextlib.contextmanager
    def case(self, name):
        CASES[name.split()[0]] += 1
        with self.subTest(name):
            yield

    def refused(self, name, request, *statuses):
        """One error, which is the last response, and a clean end."""
        with self.case(name):
            for way, pieces in (("whole", [request + NEXT]),
                                ("cut", byte_by_byte(request) + [NEXT])):
                with self.daemon.connect() as wire:
                    stream = wire.talk(pieces)
                answers = responses(
                    stream, ["HEAD"] if b"HEAD " in request[:7] else [])
                self.assertEqual(len(answers), 1, f"{way}: {stream[:400]!r}")
                self.assertIn(answers[0].status, statuses, way)
                self.assertTrue(answers[0].closes(), way)

    def accepted(self, name, request, status=200, method="GET", check=None):
        """An answer, after which the connection serves the next request."""
        with self.case(name):
            for way, pieces in (("whole", [request + LAST]),
                                ("cut", byte_by_byte(request) + [LAST])):
                with self.daemon.connect() as wire:
                    stream = wire.talk(pieces)
                answers = responses(stream, [method])
                self.assertEqual([answer.status for answer in answers],
                                 [status, 200], f"{way}: {stream[:400]!r}")
                self.assertEqual(answers[1].body, HELLO)
                self.assertTrue(answers[1].closes())
                self.assertEqual(answers[0].all("connection"), [], way)
                if check is not None:
                    check(answers[0])

    def timely(self, function):
        """What has to be done in time may be kept from it by other processes."""
        for _ in range(4):
            with contextlib.suppress(AssertionError):
                return function()
        function()

    def together(self, *cases):
        """Cases that wait run at the same time; each is (name, function)."""
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            futures = [(name, pool.submit(function)) for name, function in cases]
            for name, future in futures:
                with self.case(name):
                    future.result()

    def body_is(self, body):
        return lambda answer: self.assertEqual(answer.body, b(body))


def make_tree(directory):
    root = directory / "www"
    (directory / "secret").write_text("the secret")
    (directory / "outside").mkdir()
    (directory / "outside" / "secret").write_text("the secret")
    for name in ("", "dir", "noindex", ".git"):
        (root / name).mkdir()
    files = {
        "index.html": "<p>top",
        "a.txt": "0123456789" * 10,
        "empty": "",
        "with space.txt": "space",
        "a+b.txt": "plus",
        "%41.txt": "percent",
        "\u00fc.txt": "umlaut",
        "..x": "two dots",
        "dir/index.html": "<p>dir",
        "dir/.secret": "the secret",
        "noindex/x.txt": "x",
        ".hidden": "the secret",
        ".git/config": "the secret",
        "style.css": "identity " * 50,
        "style.css.gz": "gzip",
        "style.css.br": "brotli",
        "style.css.zst": "zstd",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    (root / "big").write_bytes(bytes(range(256)) * (5 << 12))
    # Sunday, so that the day's name can be written in full.
    for name in ("a.txt", "style.css", "style.css.gz", "style.css.br"):
        os.utime(root / name, (784111777, 784111777))
    os.symlink("a.txt", root / "link.txt")
    os.symlink("../secret", root / "out")
    os.symlink(directory / "secret", root / "absolute")
    os.symlink("../outside", root / "outdir")
    os.symlink("loop", root / "loop")
    os.mkfifo(root / "fifo")


# Which codings and lengths there are, for all pairs of them.

CODINGS = ["chunked", "Chunked", "gzip", "identity", "xchunked", "", "a b",
           "chunked;q=1", '"chunked"', "\x80"]


def transfer_encoding_status(elements):
    """As the table of R9 has it; None: decoded."""
    elements = [element.strip(" \t").lower() for element in elements]
    for element in elements:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", element):
            return 400
    if "chunked" in elements[:-1]:
        return 400
    return None if elements == ["chunked"] else 501


BAD_LENGTHS = ["05", "00", "+5", "-5", "-0", "5 5", "5,5", "5, 5", "0x5", "5.0",
               "", "5;", "1e1", "five", "\xd9\xa5", "\xb2", "5\xa0", '"5"',
               "9223372036854775808", "18446744073709551616",
               "18446744073709551621", "99999999999999999999999999999999"]


class FramingTest(WireTest):

    def test_line_ends(self):
        line = "GET /plaintext HTTP/1.1"
        for name, request in [
            ("LF only", f"{line}\nHost: a\n\n"),
            ("LF after the request line", f"{line}\nHost: a\r\n\r\n"),
            ("LF after a field", f"{line}\r\nHost: a\nX: b\r\n\r\n"),
            ("LF as the empty line", f"{line}\r\nHost: a\r\n\n"),
            ("LF LF at the end", f"{line}\r\nHost: a\n\n"),
            ("CR only", f"{line}\rHost: a\r\r"),
            ("CR after the request line", f"{line}\rHost: a\r\n\r\n"),
            ("CR after a field", f"{line}\r\nHost: a\rX: b\r\n\r\n"),
            ("CR CR LF", f"{line}\r\nHost: a\r\r\n\r\n"),
            ("CR CR LF after the request line", f"{line}\r\r\nHost: a\r\n\r\n"),
            ("CR CR LF at the end", f"{line}\r\nHost: a\r\n\r\r\n"),
            ("CR in a value", f"{line}\r\nHost: a\r\nX: b\rc\r\n\r\n"),
            ("CR in a name", f"{line}\r\nHost: a\r\nX\rY: b\r\n\r\n"),
            ("LF in a name", f"{line}\r\nHost: a\r\nX\nY: b\r\n\r\n"),
            ("CR at a value's start", f"{line}\r\nHost: a\r\nX:\rb\r\n\r\n"),
            ("LF at a value's start", f"{line}\r\nHost: a\r\nX:\nb\r\n\r\n"),
            ("LF before the request", f"\n{line}\r\nHost: a\r\n\r\n"),
            ("CR before the request", f"\r{line}\r\nHost: a\r\n\r\n"),
            ("CR in the target", "GET /plain\rtext HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("LF in the target", "GET /plain\ntext HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("CR in the method", "GE\rT / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("CR in the version", "GET / HTTP/1\r.1\r\nHost: a\r\n\r\n"),
            ("CR between end and LF", f"{line}\r\nHost: a\r\n\r \n"),
        ]:
            self.refused(f"R1 {name}", b(request), 400)
        for name, body in [
            ("LF after a chunk's size", "5\nhello\r\n0\r\n\r\n"),
            ("CR after a chunk's size", "5\rhello\r\n0\r\n\r\n"),
            ("LF after a chunk", "5\r\nhello\n0\r\n\r\n"),
            ("CR after a chunk", "5\r\nhello\r0\r\n\r\n"),
            ("CR CR LF after a chunk", "5\r\nhello\r\r\n0\r\n\r\n"),
            ("LF after the last chunk", "5\r\nhello\r\n0\n\r\n"),
            ("LF at the end", "5\r\nhello\r\n0\r\n\n"),
            ("CR at the end", "5\r\nhello\r\n0\r\n\rX"),
            ("LF in an extension", "5;a=b\nc\r\nhello\r\n0\r\n\r\n"),
            ("CR in an extension", "5;a=b\rc\r\nhello\r\n0\r\n\r\n"),
            ("LF in a quoted extension", '5;a="\n"\r\nhello\r\n0\r\n\r\n'),
            ("LF after a trailer", "0\r\nA: b\n\r\n"),
            ("CR in a trailer", "0\r\nA: b\rc\r\n\r\n"),
            ("LF in a trailer's name", "0\r\nA\n: b\r\n\r\n"),
        ]:
            self.refused(f"R1 {name}", CHUNKED + b(body), 400)

    def test_refused_as_soon_as_the_byte_arrives(self):
        line = "GET /plaintext HTTP/1.1\r\n"
        for name, beginning in [
            ("LF", "\n"), ("CR x", "\rx"), ("CR LF CR", "\r\n\r\n"),
            ("space", " "), ("bad method", "G("), ("LF in the method", "GET\n"),
            ("two spaces", "GET  "), ("bad target", "GET /\x01"),
            ("fragment", "GET /#"), ("LF in the target", "GET /\n"),
            ("HTTP/0.9", "GET /\r\n"), ("bad version", "GET / X"),
            ("LF after the version", "GET / HTTP/1.1\n"),
            ("CR x after the version", "GET / HTTP/1.1\rx"),
            ("space after the version", "GET / HTTP/1.1 "),
            ("fold", line + " "), ("colon", line + ":"),
            ("space in a name", line + "A "), ("LF in a name", line + "A\n"),
            ("NUL in a value", line + "A: \x00"),
            ("LF in a value", line + "A: b\n"),
            ("CR x in a value", line + "A: b\rx"),
            ("fold later", line + "A: b\r\n\t"),
        ]:
            with self.case(f"R1 at once: {name}"):
                with self.daemon.connect() as wire:
                    wire.send(b(beginning))
                    answers = wire.read_responses()
                self.assertEqual([a.status for a in answers], [400])
        for name, body in [("bad size", "g"), ("LF", "5\n"), ("CR x", "5\rx"),
                           ("blank", " "), ("no CR after data", "1\r\nax"),
                           ("LF after data", "1\r\na\n"),
                           ("bad extension", "1;="),
                           ("trailer's fold", "0\r\n "),
                           ("trailer's LF", "0\r\nA: b\n")]:
            with self.case(f"R1 at once in chunks: {name}"):
                with self.daemon.connect() as wire:
                    wire.send(CHUNKED + b(body))
                    answers = wire.read_responses()
                self.assertEqual([a.status for a in answers], [400])

    def test_request_line(self):
        self.accepted("R2 one empty line", b"\r\n" + get("/plaintext"))
        self.refused("R2 two empty lines", b"\r\n\r\n" + get("/plaintext"), 400)
        self.refused("R2 1000 empty lines", b"\r\n" * 1000 + get("/"), 400)
        for line in ["GET  /plaintext HTTP/1.1", "GET /plaintext  HTTP/1.1",
                     "GET\t/plaintext HTTP/1.1", "GET /plaintext\tHTTP/1.1",
                     " GET /plaintext HTTP/1.1", "GET /plaintext HTTP/1.1 ",
                     "GET /plaintext HTTP/1.1\t", "GET /plaintext",
                     "GET /plaintext ", "GET", "GET ", "GET HTTP/1.1",
                     " / HTTP/1.1", "/plaintext HTTP/1.1", "HTTP/1.1",
                     "GET / http/1.1", "GET / Http/1.1", "GET / HTTP/1.",
                     "GET / HTTP/1", "GET / HTTP/", "GET / HTTP", "GET / H",
                     "GET / HTTP/1.10", "GET / HTTP/1.01", "GET / HTTP/01.1",
                     "GET / HTTP/11.1", "GET / HTTP/1,1", "GET / HTTP /1.1",
                     "GET / HTTP/ 1.1", "GET / HTTP/1 .1", "GET / HTTP/1.1x",
                     "GET / HTTP/-1.1", "GET / HTTP/1.a", "GET / HTTP/a.1",
                     "GET / HTTPS/1.1", "GET / XTTP/1.1", "GET / HTTP\\1.1",
                     "GET / HTTP/1.1\x00", "GET / / HTTP/1.1",
                     "GET / HTTP/1.1 HTTP/1.1", "GET\x0b/ HTTP/1.1",
                     "GET\x0c/ HTTP/1.1", "GET\xa0/ HTTP/1.1", "\x00",
                     "GET\x00/ HTTP/1.1", "\xef\xbb\xbfGET / HTTP/1.1"]:
            self.refused(f"R2 {line!r}", head(line, "Host: a"), 400)
        self.refused("R2 TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                     400)
        for byte in range(256):
            method = b"G" + bytes([byte]) + b"T"
            request = method + b" /plaintext HTTP/1.1\r\nHost: a\r\n\r\n"
            if byte == ord("E"):
                self.accepted("R2 method", request)
            elif re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]", bytes([byte])):
                self.accepted(f"R2 method {method!r}", request, 501)
            else:
                self.refused(f"R2 method {method!r}", request, 400)

    def test_versions(self):
        for version in ["1.1", "1.2", "1.9"]:
            self.accepted(f"R3 {version}", get("/plaintext", version=version))
        for version in ["0.9", "2.0", "0.0", "3.0", "9.9", "2.1", "0.1"]:
            self.refused(f"R3 {version}", get("/plaintext", version=version),
                         505)
        self.refused("R3 HTTP/0.9", b"GET /plaintext\r\n", 400, 505)
        self.refused("R3 h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400,
                     505)
        self.refused("R3 1.2 needs a Host", get("/", version="1.2", host=None),
                     400)

    def test_targets(self):
        # pchar, "/" and "?".
        allowed = (b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                   b"0123456789-._~!$&'()*+,;=:@/?")
        for byte in range(256):
            if byte == ord("%"):
                continue
            in_path = b"GET /a%cb HTTP/1.1\r\nHost: a\r\n\r\n" % byte
            in_query = b"GET /plaintext?a%cb HTTP/1.1\r\nHost: a\r\n\r\n" % byte
            if byte in allowed:
                self.accepted(f"R4 path 0x{byte:02x}", in_path, 404)
                self.accepted(f"R4 query 0x{byte:02x}", in_query)
            else:
                self.refused(f"R4 path 0x{byte:02x}", in_path, 400)
                self.refused(f"R4 query 0x{byte:02x}", in_query, 400)
        for target in ["/plaintext", "/%70laintext", "/plaintext?",
                       "/plaintext?a=b&c=%20", "/plaintext?/?:@", "/plaintext??",
                       "http://b/plaintext", "HTTP://b/plaintext",
                       "hTTp://b:80/plaintext", "http://b:0/plaintext",
                       "http://[::1]/plaintext", "http://[::1]:8080/plaintext",
                       "http://1.2.3.4/plaintext", "http://b.c/plaintext?d",
                       "http://b%41/plaintext"]:
            self.accepted(f"R4 {target}", get(target), check=self.body_is(HELLO))
        for target in ["http://b", "http://b?a", "http://b:80", "http://b/"]:
            self.accepted(f"R4 {target}", get(target),
                          check=self.body_is("ha?\n"))
        for target in ["/%", "/%0", "/%zz", "/%0g", "/%g0", "/a%", "/%%20",
                       "/plaintext?%", "/plaintext?%0", "/plaintext?%zz",
                       "/%00", "/a%00b", "/plaintext%00", "/plaintext?%00",
                       "/#", "/a#b", "/plaintext?#", "#", "?", "?a", "a",
                       "plaintext", "a/b", ".", "..", "../a", "\\", "*", "**",
                       "*/", "*?a", "//a b", "a:80", ":80", "b:", "http:",
                       "http:/", "http:/b", "http://", "http:///",
                       "http:///plaintext", "http://?a", "http://u@b/",
                       "http://u:p@b/", "http://@b/", "http://:80/",
                       "http://b:65536/", "http://b:x/", "http://b:-1/",
                       "http://b:80:80/", "http://[::1/", "http://::1/",
                       "http://[::g]/", "http://[]/", "http://b%/",
                       "http://b%zz/", "http://b/#a", "http://b/%00",
                       "http://b/%zz", "http://b\\c/", "http://b<c/",
                       "http//b/", "ftp://b/", "ws://b/", "file:///etc/passwd",
                       "javascript:x", "mailto:a@b", "httpx://b/", "1http://b/",
                       "urn:a"]:
            self.refused(f"R4 {target}", get(target), 400)
        for target in ["https://b/", "HTTPS://b/plaintext", "https://b:443/"]:
            self.refused(f"R4 {target}", get(target), 421)
        for field in [None, "Host:", "Host: a b", "Host: [", "Host: a:99999"]:
            self.refused(f"R4 absolute with {field}",
                         get("http://b/plaintext", host=field), 400)
        for target in ["a:80", "a", "/", "*", "http://a/", "[::1]:80"]:
            self.refused(f"R4 CONNECT {target}", get(target, method="CONNECT"),
                         501, 400)
        self.accepted("R4 OPTIONS *", get("*", method="OPTIONS"), 204)
        for target in ["*?a", "**", "/*\\", "*/"]:
            self.refused(f"R4 OPTIONS {target}", get(target, method="OPTIONS"),
                         400)
        for method in ["HEAD", "POST", "PUT", "TRACE", "BREW"]:
            self.refused(f"R4 {method} *", get("*", method=method), 400, 501)

    def test_methods(self):
        def allows(*methods):
            def check(answer):
                allow = answer.only("allow").split(", ")
                for method in methods:
                    self.assertIn(method, allow)
            return check
        for method in ["POST", "PUT", "DELETE", "PATCH"]:
            self.accepted(f"R5 {method}", get("/plaintext", method=method), 405,
                          check=allows("GET", "HEAD"))
        self.accepted("R5 PUT /echo", get("/echo", method="PUT"), 405,
                      check=allows("GET", "HEAD", "POST"))
        self.accepted("R5 405 after a body", head(
            "PUT /plaintext HTTP/1.1", "Host: a", "Content-Length: 5") +
            b"hello", 405, check=allows("GET"))
        for path in ["/plaintext", "/echo", "/users/7/posts", "/files/a.txt"]:
            self.accepted(f"R5 OPTIONS {path}", get(path, method="OPTIONS"), 204,
                          check=allows("GET", "HEAD"))
        self.accepted("R5 OPTIONS *", get("*", method="OPTIONS"), 204,
                      check=allows("GET", "HEAD", "POST"))
        self.accepted("R5 OPTIONS with a body", head(
            "OPTIONS * HTTP/1.1", "Host: a", "Content-Length: 5") + b"hello",
            204)
        self.accepted("R5 OPTIONS of nothing",
                      get("/nowhere", method="OPTIONS"), 404)
        for method in ["BREW", "get", "Get", "PROPFIND", "PRI", "G", "GETS",
                       "G3T", "!", "A" * 64]:
            self.accepted(f"R5 {method}", get("/plaintext", method=method), 501)
        self.accepted("R5 501 after a body", head(
            "BREW /plaintext HTTP/1.1", "Host: a", "Content-Length: 5") +
            b"hello", 501)
        with self.case("R5 TRACE"):
            with self.daemon.connect() as wire:
                wire.send(get("/plaintext?" + MARKER, "Cookie: " + MARKER,
                              method="TRACE") + LAST)
                stream = wire.read_to_end()
            answers = responses(stream)
            self.assertIn(answers[0].status, (405, 501))
            self.assertNotIn(b(MARKER), stream)
        self.accepted("R5 HEAD", get("/plaintext", method="HEAD"), method="HEAD",
                      check=lambda a: self.assertEqual(a.length, "13"))
        self.accepted("R5 HEAD of an error", get("/nowhere", method="HEAD"), 404,
                      method="HEAD")
        self.accepted("R5 204", get("/nothing"), 204)

    def test_fields(self):
        token = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
        for byte in range(256):
            one = bytes([byte])
            name = get("/plaintext", b"X" + one + b"Y: z")
            value = get("/plaintext", b"X: y" + one + b"z")
            if re.fullmatch(token, one) or one == b":":
                self.accepted(f"R6 name 0x{byte:02x}", name)
            else:
                self.refused(f"R6 name 0x{byte:02x}", name, 400)
            if byte == 9 or byte >= 32 and byte != 127:
                self.accepted(f"R6 value 0x{byte:02x}", value)
            else:
                self.refused(f"R6 value 0x{byte:02x}", value, 400)
        for field in ["X:", "X: ", "X:\t", "X:y", "X: \t y \t ", "X: a: b",
                      "X: \"a", "x-y_z: 1", "!#$%&'*+-.^_`|~: 1", "X:::",
                      "X: " + "\xff" * 50]:
            self.accepted(f"R6 {field!r}", get("/plaintext", field))
        for field in ["X : y", "X\t: y", " X: y", "\tX: y", ": y", ":", "X",
                      "X y", " ", "\t", "X y: z", "X: y\r\n z", "X: y\r\n\tz",
                      "X: y\r\n ", "Transfer-Encoding\x80: chunked",
                      "Transfer-Encoding : chunked", "Content-Length : 5",
                      "(X): y", "X/Y: z", "X@: y", "X[]: y", '"X": y', "X,Y: z",
                      "X;: y", "X=Y", "{X}: y", "\x00: y", "X: \x00", "X: \x7f",
                      "X\x00: y", "\xc3\xbc: y", "Host\x00: b", "=: y"]:
            self.refused(f"R6 {field!r}", get("/plaintext", field), 400)
        self.refused("R6 fold in the first line",
                     head("GET /plaintext HTTP/1.1", " Host: a"), 400)
        self.refused("R6 folded Host",
                     head("GET /plaintext HTTP/1.1", "Host:", " a"), 400)
        self.accepted("R6 echoed value", get("/echo", "X: \t a \t b \t"),
                      check=lambda a: self.assertIn(b"\nX: a \t b\n", a.body))

    def test_hosts(self):
        for host in ["a", "a.b", "A.B", "a.", "127.0.0.1", "127.0.0.1:80",
                     "[::1]", "[::1]:80", "[::]", "[1:2:3:4:5:6:7:8]",
                     "[::ffff:1.2.3.4]", "[2001:DB8::1]", "a:0", "a:65535",
                     "a-b", "a_b", "a~b", "a%41", "!$&'()*+,;=", "1.2.3.4.5",
                     "999.1.1.1", "xn--a", "\ta", " a ", "\ta\t ", "a" * 255]:
            self.accepted(f"R7 {host!r}",
                          get("/plaintext", host="Host:" + host))
        self.accepted("R7 any case",
                      get("/plaintext", host="hOST: a"))
        for host in ["", " ", "\t", "a b", "a:65536", "a:99999", "a:-1", "a:+1",
                     "a:x", "a:8x", "a:80:80", "a: 80", "a :80", ":80", ":",
                     "[::1", "::1", "[::1]x", "[::1]80", "[::g]", "[::zz]",
                     "[1.2.3.4]", "[]", "[::1%eth0]", "[1:2]",
                     "[1:2:3:4:5:6:7:8:9]", "[1::2::3]", "[12345::]", "a/",
                     "/a", "a?", "a#", "u@a", "u:p@a", "a%", "a%4", "a%zz",
                     "\x80", "\xc3\xbc", 'a"', "<a>", "a\\b", "a, b", "a\tb",
                     "{a}", "a|b", "a^b", "a`b", "a[b]", "http://a",
                     "a:18446744073709551696"]:
            self.refused(f"R7 {host!r}", get("/plaintext", host="Host:" + host),
                         400)
        self.refused("R7 none", get("/plaintext", host=None), 400)
        for pair in [("a", "a"), ("a", "b"), ("a", ""), ("", "a")]:
            self.refused(f"R7 twice {pair}", head(
                "GET /plaintext HTTP/1.1", *("Host: " + h for h in pair)), 400)
        self.refused("R7 twice, apart", head(
            "GET /plaintext HTTP/1.1", "Host: a", "X: y", "host: a"), 400)
        self.refused("R7 a space before the colon", head(
            "GET /plaintext HTTP/1.1", "Host : a"), 400)
        keep = "Connection: keep-alive"
        for name, fields, status in [
            ("no Host", [], 200), ("Host", ["Host: a"], 200),
            ("two Hosts", ["Host: a", "Host: a"], 400),
            ("a bad Host", ["Host: a b"], 400),
            ("an empty Host", ["Host:"], 400),
        ]:
            with self.case(f"R7 1.0 with {name}"):
                with self.daemon.connect() as wire:
                    stream = wire.talk([head("GET /plaintext HTTP/1.0", keep,
                                             *fields) + LAST])
                answers = responses(stream)
                self.assertEqual([a.status for a in answers],
                                 [200, 200] if status == 200 else [status])
        for host, body in [("one.example", "one"), ("ONE.Example", "one"),
                           ("one.example:81", "one"), ("a.two.example", "two"),
                           ("b.a.two.example", "two"), ("two.example", "any"),
                           ("three.example", "any"), ("[::1]", "any")]:
            self.accepted(f"R7 routes {host}", get("/where", host="Host: " + host),
                          check=self.body_is(body))
        self.accepted("R7 an authority goes before a Host",
                      get("http://one.example/where", host="Host: a.two.example"),
                      check=self.body_is("one"))
        self.accepted("R7 another authority",
                      get("http://x/where", host="Host: one.example"),
                      check=self.body_is("any"))

    def test_content_lengths(self):
        for value, length in [("5", 5), ("0", 0), (" 5", 5), ("5 ", 5),
                              ("\t5\t", 5), ("10", 10)]:
            body = b"0123456789"[:length]
            self.accepted(f"R8 {value!r}", head(
                "POST /echo HTTP/1.1", "Host: a", "Content-Length:" + value) +
                body, check=self.body_is(body))
        for value in BAD_LENGTHS:
            self.refused(f"R8 {value!r}", head(
                "POST /echo HTTP/1.1", "Host: a", "Content-Length: " + value) +
                b"hello", 400)
            self.refused(f"R8 GET {value!r}",
                         get("/plaintext", "Content-Length: " + value), 400)
        lengths = ["5", "0", "05", "", "x", "9223372036854775808"]
        for first in lengths:
            for second in lengths:
                self.refused(f"R8 twice {first!r} {second!r}", head(
                    "POST /echo HTTP/1.1", "Host: a",
                    f"Content-Length: {first}", f"Content-Length: {second}") +
                    b"hello", 400)
        self.refused("R8 2^63-1", head(
            "POST /echo HTTP/1.1", "Host: a",
            "Content-Length: 9223372036854775807"), 413)
        self.refused("R8 1 MiB + 1", head(
            "POST /echo HTTP/1.1", "Host: a", "Content-Length: 1048577"), 413)
        self.accepted("R8 a request as the body", post(NEXT),
                      check=self.body_is(NEXT))

    def test_transfer_encodings(self):
        body = b"5\r\nhello\r\n0\r\n\r\n"

        def judge(name, elements, *lines):
            request = head("POST /echo HTTP/1.1", "Host: a", *lines) + body
            status = transfer_encoding_status(elements)
            if status is None:
                self.accepted(name, request, check=self.body_is("hello"))
            else:
                self.refused(name, request, status)

        te = "Transfer-Encoding:"
        for one in CODINGS:
            judge(f"R9 {one!r}", [one], f"{te} {one}")
            judge(f"R9 {one!r} in OWS", [one], f"{te}\t {one} \t")
            for two in CODINGS:
                judge(f"R9 {one!r}, {two!r}", [one, two], f"{te} {one}, {two}")
                judge(f"R9 {one!r} and {two!r}", [one, two], f"{te} {one}",
                      "X: y", f"{te} {two}")
        for value in ["gzip,gzip,chunked", "chunked,gzip,chunked", ",", "chunked,",
                      "gzip,,chunked", "chunked\x0b", "chunked\x00", "chun ked",
                      "chunked\tgzip", "chunked=1", "chunked;", "chunked ;a",
                      "gzip;q=1,chunked", "'chunked'", "\u00e7hunked",
                      "chunkedchunked", "chunk", "deflate, chunked", "trailers"]:
            if "\x00" in value or "\x0b" in value:
                self.refused(f"R9 {value!r}", head(
                    "POST /echo HTTP/1.1", "Host: a", f"{te} {value}") + body,
                    400)
            else:
                judge(f"R9 {value!r}", value.split(","), f"{te} {value}")
        for coding in CODINGS:
            for length in ["0", "5", "15", "x", ""]:
                for first in (0, 1):
                    lines = [f"{te} {coding}", f"Content-Length: {length}"]
                    self.refused(
                        f"R9 {coding!r} with length {length!r}, {first}",
                        head("POST /echo HTTP/1.1", "Host: a", lines[first],
                             lines[1 - first]) + body, 400)
            self.refused(f"R9 1.0 with {coding!r}", head(
                "POST /echo HTTP/1.0", "Host: a", "Connection: keep-alive",
                f"{te} {coding}") + body, 400)
        self.accepted("R9 any case of the name", head(
            "POST /echo HTTP/1.1", "Host: a", "tRANSFER-eNCODING: chunked") +
            body, check=self.body_is("hello"))
        self.accepted("R9 GET with chunks", get(
            "/plaintext", "Transfer-Encoding: chunked") + body)

    def test_chunks(self):
        end = b"\r\n0\r\n\r\n"
        for line in ["5", "05", "0000000000000005", "5;a", "5;a=b", "5 ;a",
                     "5; a", "5;a =b", "5;a= b", "5\t;\ta\t=\tb", "5;a=\"b c\"",
                     '5;a=""', '5;a="\\""', '5;a="\\\\"', '5;a="b\tc"',
                     "5;a;b=c;d=\"e;f\"", "5;a=\"\x80\"", "5;!#$%&'*+-.^_`|~=1",
                     '5;a="=;"', "5;a=0;a=0", '5;a="\\\x80"']:
            self.accepted(f"R10 {line!r}",
                          CHUNKED + b(line) + b"\r\nhello" + end,
                          check=self.body_is("hello"))
        for line in ["a", "A", "0a", "00A"]:
            self.accepted(f"R10 {line!r}",
                          CHUNKED + b(line) + b"\r\n0123456789" + end,
                          check=self.body_is("0123456789"))
        for line in ["5 ", "5\t", "5;", "5; ", "5;;a", "5;=b", "5;a=", "5;a= ",
                     '5;a="b', '5;a="b"c', '5;a="\\', "5;a=b c", "5;a b",
                     "5;a ", "5;a=b ", '5;a="b" ', " 5", "\t5", "", "x", "g",
                     "5x", "5h", "-5", "+5", "0x5", "5,", "5 5", "5:", "5=a",
                     "5;\x00", "5;a\x00", "5;a=\x7f", '5;a="\x00"', '5;a="\x7f"',
                     '5;a="\\\x00"', "5;a=(", "5;(", "5;\x80", "5;a=\x80", "5;a;",
                     "00000000000000005", "0" * 5000 + "5", "ffffffffffffffff5",
                     "\x00", "5\x00", "'5'", "5;a==b", "5.0", "\xb25"]:
            self.refused(f"R10 {line[:30]!r}",
                         CHUNKED + b(line) + b"\r\nhello" + end, 400)
        for line in ["ffffffffffffffff", "8000000000000000", "7fffffffffffffff",
                     "100001", "fffffffb", "100000000", "FFFFFFFFFFFFFFFE"]:
            self.refused(f"R10 {line!r}",
                         CHUNKED + b(line) + b"\r\nhello" + end, 413)
            self.refused(f"R10 {line!r} later", CHUNKED + b"5\r\nhello\r\n" +
                         b(line) + b"\r\nhello" + end, 413)
        for name, body in [
            ("too much data", "5\r\nhello!\r\n0\r\n\r\n"),
            ("too little data", "6\r\nhello\r\n0\r\n\r\n"),
            ("no end of data", "5\r\nhello0\r\n\r\n"),
            ("an empty line", "\r\n5\r\nhello\r\n0\r\n\r\n"),
            ("an empty line between", "5\r\nhello\r\n\r\n0\r\n\r\n"),
            ("a bad second chunk", "5\r\nhello\r\nx\r\n0\r\n\r\n"),
            ("a bad last extension", "5\r\nhello\r\n0;\r\n\r\n"),
            ("a blank last chunk", "5\r\nhello\r\n0 \r\n\r\n"),
            ("17 zeros", "5\r\nhello\r\n" + "0" * 17 + "\r\n\r\n"),
        ]:
            self.refused(f"R10 {name}", CHUNKED + b(body), 400)
        for name, body, content in [
            ("nothing", "0\r\n\r\n", ""),
            ("zeros", "0000000000000000\r\n\r\n", ""),
            ("an extension at the end", "0;a=b\r\n\r\n", ""),
            ("bytes", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab"),
            ("line ends as data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
            ("an end as data", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
        ]:
            self.accepted(f"R10 {name}", CHUNKED + b(body),
                          check=self.body_is(content))
        many = b"".join(b"1\r\n%c\r\n" % (97 + i % 26) for i in range(5000))
        self.accepted("R10 5000 chunks", CHUNKED + many + b"0\r\n\r\n",
                      check=lambda a: self.assertEqual(len(a.body), 5000))
        line = b"5;a=" + b"b" * 4000
        self.accepted("R10 a line of 4 KB", CHUNKED + line + b"\r\nhello" + end)
        self.refused("R10 a line above 4 KiB",
                     CHUNKED + line + b"b" * 200 + b"\r\nhello" + end, 400)

    def test_trailers(self):
        for trailers in ["A: b", "A: b\r\nC: d", "A:", "A:\tb\t", "A: \xff",
                         "Content-Length: 5", "Transfer-Encoding: chunked",
                         "Host: b", "Host: b\r\nHost: c", "Connection: close",
                         "Content-Length: x", "Expect: x",
                         "A: " + "b" * 8000]:
            self.accepted(f"R10 trailer {trailers[:40]!r}", CHUNKED +
                          b"5\r\nhello\r\n0\r\n" + b(trailers) + b"\r\n\r\n",
                          check=self.body_is("hello"))
        for trailers in ["A", "A : b", " A: b", "A: b\r\n c", ": b", "A\x00: b",
                         "A: \x00", "A: \x7f", "A b: c", "(A): b", "\x80: b",
                         "A: b\r\nC", "GET / HTTP/1.1", "A: " + "b" * 8300,
                         "A: b\r\n" * 1500 + "C: d"]:
            self.refused(f"R10 trailer {trailers[:40]!r}", CHUNKED +
                         b"5\r\nhello\r\n0\r\n" + b(trailers) + b"\r\n\r\n",
                         400)

    def test_limits(self):
        def line_of(size):
            return "/plaintext?" + "a" * (size - len("GET /plaintext? HTTP/1.1"))
        self.accepted("R11 a line of 8000", get(line_of(8000)))
        self.accepted("R11 a line of 8190", get(line_of(8190)))
        for size in [8193, 8194, 8300, 20000, 40000, 1 << 20]:
            self.refused(f"R11 a line of {size}", get(line_of(size)), 414)
        self.refused("R11 an absolute target of 9000",
                     get("http://" + "a" * 9000 + "/"), 414)
        with self.case("R11 a line without an end"):
            with self.daemon.connect() as wire:
                wire.send(b"GET /" + b"a" * 8300)
                self.assertEqual(
                    [a.status for a in wire.read_responses()], [414])

        def head_of(size):
            start = b"GET /plaintext HTTP/1.1\r\nHost: a\r\n"
            lines = []
            left = size - len(start) - 2
            while left > 2000:
                lines.append(b"X: " + b"a" * 995 + b"\r\n")
                left -= 1000
            lines.append(b"X: " + b"a" * (left - 5) + b"\r\n")
            return start + b"".join(lines) + b"\r\n"
        for size in [32000, 32767, 32768]:
            self.accepted(f"R11 a head of {size}", head_of(size))
        for size in [32769, 32770, 33000, 65536, 1 << 20]:
            self.refused(f"R11 a head of {size}", head_of(size), 431)
        self.refused("R11 a field of 40000",
                     get("/plaintext", "X: " + "a" * 40000), 431)
        self.refused("R11 a name of 40000",
                     get("/plaintext", "X" * 40000 + ": a"), 431)
        for name, beginning in [("value", b"X: "), ("name", b"X")]:
            with self.case(f"R11 a {name} without an end"):
                with self.daemon.connect() as wire:
                    wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + beginning +
                              b"a" * 33000)
                    self.assertEqual(
                        [a.status for a in wire.read_responses()], [431])
        fields = [f"X{i}: y" for i in range(200)]
        for count in [32, 33, 99, 100]:
            self.accepted(f"R11 {count} fields",
                          get("/plaintext", *fields[:count - 1]))
        for count in [101, 102, 200]:
            self.refused(f"R11 {count} fields",
                         get("/plaintext", *fields[:count - 1]), 431)
        for size in [65, 100, 8000]:
            self.refused(f"R11 a method of {size}",
                         get("/plaintext", method="A" * size), 400, 501)
        with self.case("R11 a method without an end"):
            with self.daemon.connect() as wire:
                wire.send(b"A" * 70)
                self.assertIn(wire.read_responses()[0].status, (400, 501))
        body = bytes(range(256)) * (1 << 12)
        for path in ["/echo", "/plaintext", "/nowhere"]:
            status = {"/echo": 200, "/plaintext": 405}.get(path, 404)
            # What nobody receives is read up to 256 KiB before the answer.
            answered = self.accepted if path == "/echo" else self.refused
            answered(f"R11 a body of 1 MiB to {path}", post(body, path=path),
                     status)
            self.accepted(f"R13 a body of 256 KiB to {path}",
                          post(body[:1 << 18], path=path), status)
            answered(f"R13 a body of 256 KiB + 1 to {path}",
                     post(body[:(1 << 18) + 1], path=path), status)
            chunks = b"".join(b"10000\r\n" + body[i:i + 65536] + b"\r\n"
                              for i in range(0, len(body), 65536))
            start = head(f"POST {path} HTTP/1.1", "Host: a",
                         "Transfer-Encoding: chunked")
            answered(f"R11 chunks of 1 MiB to {path}",
                     start + chunks + b"0\r\n\r\n", status)
            self.refused(f"R13 chunks of 1 MiB + 1 to {path}",
                         start + chunks + b"1\r\na\r\n0\r\n\r\n",
                         413 if path == "/echo" else status)
            self.refused(f"R13 a body of 1 MiB + 1 to {path}",
                         post(body + b"a", path=path), 413)

    def test_refusals_of_head_requests(self):
        for name, fields, status in [
            ("a bad name", ["X : y"], 400), ("two Hosts", ["Host: b"], 400),
            ("an expectation", ["Expect: x"], 417),
            ("many fields", ["X: y"] * 200, 431),
            ("both lengths", ["Content-Length: 5",
                              "Transfer-Encoding: chunked"], 400),
            ("a coding", ["Transfer-Encoding: gzip"], 501),
            ("a large body", ["Content-Length: 99999999"], 413),
        ]:
            self.refused(f"R12 HEAD with {name}",
                         get("/plaintext", *fields, method="HEAD"), status)

    def test_the_answer_survives_what_follows(self):
        junk = b"x" * (1 << 16)
        for name, request in [
            ("a bad line", b"GET /\x01 HTTP/1.1\r\n\r\n"),
            ("a long head", get("/", "X: " + "a" * 50000)),
            ("a large body", head("POST /echo HTTP/1.1", "Host: a",
                                  "Content-Length: 10000000")),
            ("a bad chunk", CHUNKED + b"x\r\n"),
            ("close", LAST),
        ]:
            with self.case(f"R12 8 MB after {name}"):
                with self.daemon.connect() as wire:
                    stream = wire.talk([request + junk] + [junk] * 128)
                    self.assertEqual(wire.socket.recv(1), b"")
                self.assertEqual(len(responses(stream)), 1)
            with self.case(f"R12 more after {name} was answered"):
                with self.daemon.connect() as wire:
                    wire.send(request)
                    if name == "close":
                        # The client has said that nothing follows.
                        continue
                    wire.read_response()
                    for _ in range(16):
                        wire.send(junk)
                        self.daemon.barrier()
                    self.assertEqual(wire.read_to_end(), b"")
        with self.case("R12 the end is bounded"):
            before = self.daemon.descriptors()
            with self.daemon.connect() as wire:
                wire.send(b"\n")
                wire.read_to_end()
                # The client neither sends nor closes.
                self.daemon.wait_for_descriptors(before, 4)

    def test_bodies_that_nobody_wants(self):
        for path, status in [("/plaintext", 405), ("/nowhere", 404),
                             ("/users/7/none", 404), ("/files/a.txt", 405),
                             ("/old", 308), ("/nothing", 405)]:
            self.accepted(f"R13 {path}", post(NEXT * 3, path=path), status)
            self.accepted(f"R13 {path}, chunked", head(
                f"POST {path} HTTP/1.1", "Host: a",
                "Transfer-Encoding: chunked") + b"%x\r\n" % len(NEXT) + NEXT +
                b"\r\n0\r\n\r\n", status)
        for path, status in [("/plaintext", 200), ("/nowhere", 404),
                             ("/files/a.txt", 200), ("/old", 308),
                             ("/nothing", 204), ("/echo", 200)]:
            self.accepted(f"R13 GET {path}", get(
                path, f"Content-Length: {len(NEXT)}") + NEXT, status)
            self.accepted(f"R13 HEAD {path}", get(
                path, f"Content-Length: {len(NEXT)}", method="HEAD") + NEXT,
                status, method="HEAD")
        with self.case("R13 the answer waits for the body"):
            with self.daemon.connect() as wire:
                wire.send(post("hello", path="/plaintext")[:-1])
                self.daemon.barrier()
                self.assertTrue(wire.is_silent())
                wire.send(b"o")
                self.assertEqual(wire.read_response().status, 405)
        with self.case("R13 not if the chunks are bad"):
            with self.daemon.connect() as wire:
                wire.send(CHUNKED.replace(b"/echo", b"/plaintext") +
                          b"5\r\nhello\r\nx\r\n")
                self.assertEqual([a.status for a in wire.read_responses()],
                                 [400])

    def test_expectations(self):
        expect = "Expect: 100-continue"
        for name, fields, body in [
            ("length", ["Content-Length: 5"], b"hello"),
            ("chunks", ["Transfer-Encoding: chunked"],
             b"5\r\nhello\r\n0\r\n\r\n"),
            ("any case", ["Content-Length: 5"], b"hello"),
        ]:
            with self.case(f"R14 100, once: {name}"):
                with self.daemon.connect() as wire:
                    wire.send(head(
                        "POST /echo HTTP/1.1", "Host: a", *fields,
                        expect.upper() if "case" in name else expect))
                    self.assertEqual(wire.read_response().status, 100)
                    for i in range(len(body)):
                        wire.send(body[i:i + 1])
                    wire.send(LAST)
                    answers = wire.read_responses()
                    self.assertEqual([a.status for a in answers], [200, 200])
                    self.assertEqual(answers[0].body, b"hello")
        twice = post("hello", expect)[:-5]
        with self.case("R14 each request has its own"):
            with self.daemon.connect() as wire:
                for _ in range(3):
                    wire.send(twice)
                    self.assertEqual(wire.read_response().status, 100)
                    wire.send(b"hello")
                    self.assertEqual(wire.read_response().status, 200)
        with self.case("R14 100 comes after the answers before"):
            with self.daemon.connect() as wire:
                wire.send(NEXT * 3 + twice)
                self.assertEqual([wire.read_response().status
                                  for _ in range(4)], [200, 200, 200, 100])
        for name, request in [
            ("the body is there", post("hello", expect)),
            ("no body", get("/plaintext", expect)),
            ("an empty body", post("", expect)),
            ("GET, an empty body",
             get("/plaintext", expect, "Content-Length: 0")),
        ]:
            with self.case(f"R14 no 100: {name}"):
                with self.daemon.connect() as wire:
                    stream = wire.talk([request + LAST])
                self.assertEqual([a.status for a in responses(stream)],
                                 [200, 200])
        with self.case("R14 no 100: a part of the body is there"):
            with self.daemon.connect() as wire:
                wire.send(twice + b"he")
                self.daemon.barrier()
                self.assertTrue(wire.is_silent())
                wire.send(b"llo")
                self.assertEqual(wire.read_response().body, b"hello")
        with self.case("R14 no 100 in HTTP/1.0"):
            with self.daemon.connect() as wire:
                wire.send(twice.replace(b"HTTP/1.1", b"HTTP/1.0"))
                self.daemon.barrier()
                self.assertTrue(wire.is_silent())
                wire.send(b"hello")
                answers = wire.read_responses()
                self.assertEqual([a.status for a in answers], [200])
        for name, request, status in [
            ("too large", head("POST /echo HTTP/1.1", "Host: a", expect,
                               "Content-Length: 1048577"), 413),
            ("not allowed", head("POST /plaintext HTTP/1.1", "Host: a", expect,
                                 "Content-Length: 40"), 405),
            ("not found", head("POST /nowhere HTTP/1.1", "Host: a", expect,
                               "Content-Length: 40"), 404),
            ("not implemented", head("BREW / HTTP/1.1", "Host: a", expect,
                                     "Content-Length: 40"), 501),
            ("not found, chunked", head(
                "POST /nowhere HTTP/1.1", "Host: a", expect,
                "Transfer-Encoding: chunked"), 404),
        ]:
            with self.case(f"R14 a final answer at once: {name}"):
                with self.daemon.connect() as wire:
                    wire.send(request)
                    answer = wire.read_response()
                    self.assertEqual(answer.status, status)
                    self.assertTrue(answer.closes())
                    # The client sends its body all the same: no request.
                    wire.send(NEXT)
                    self.assertEqual(wire.read_to_end(), b"")
        for value in ["100-continued", "x", "200-ok", "100-continue, x",
                      "x, 100-continue", "100-continue;a", '"100-continue"',
                      "100 continue", "a=b"]:
            for method in ["GET", "POST"]:
                self.refused(f"R14 417 {method} {value!r}", head(
                    f"{method} /echo HTTP/1.1", "Host: a", "Content-Length: 5",
                    "Expect: " + value) + b"hello", 417)
        self.refused("R14 417 in a second line", head(
            "POST /echo HTTP/1.1", "Host: a", expect, "Expect: x",
            "Content-Length: 5") + b"hello", 417)


class ConnectionTest(WireTest):

    def test_persistence(self):
        for version, lines, keeps in [
            ("1.1", [], True), ("1.1", ["close"], False),
            ("1.1", ["Close"], False), ("1.1", ["CLOSE"], False),
            ("1.1", ["keep-alive"], True), ("1.1", ["keep-alive, close"], False),
            ("1.1", ["close, keep-alive"], False), ("1.1", ["x,close"], False),
            ("1.1", ["x", "close"], False), ("1.1", ["close", "x"], False),
            ("1.1", ["\tclose\t"], False), ("1.1", ["x ,\tclose ,y"], False),
            ("1.1", [",,close"], False), ("1.1", ["closed"], True),
            ("1.1", ["xclose"], True), ("1.1", ["close-x"], True),
            ("1.1", [""], True), ("1.1", ["upgrade"], True),
            ("1.0", [], False), ("1.0", ["close"], False),
            ("1.0", ["keep-alive"], True), ("1.0", ["Keep-Alive"], True),
            ("1.0", ["x, KEEP-ALIVE"], True), ("1.0", ["x", "keep-alive"], True),
            ("1.0", ["keep-alive, close"], False),
            ("1.0", ["close", "keep-alive"], False), ("1.0", ["x"], False),
            ("1.0", ["keep-alives"], False), ("1.2", [], True),
        ]:
            with self.case(f"R15 HTTP/{version} {lines}"):
                request = get("/plaintext",
                              *("Connection: " + line for line in lines),
                              version=version)
                with self.daemon.connect() as wire:
                    answers = responses(wire.talk([request + LAST]))
                self.assertEqual([a.body for a in answers],
                                 [HELLO] * (2 if keeps else 1))
                said = [v.lower() for v in answers[0].all("connection")]
                self.assertEqual(said, ["close"] if not keeps else
                                 ["keep-alive"] if version == "1.0" else [])
        for path, status in [("/nowhere", 404), ("/old", 308), ("/nothing", 204),
                             ("/echo", 200), ("/files/big", 200)]:
            with self.case(f"R15 close {path}"):
                with self.daemon.connect() as wire:
                    wire.send(get(path, "Connection: close"))
                    answers = wire.read_responses()
                self.assertEqual([a.status for a in answers], [status])
                self.assertTrue(answers[0].closes())
            with self.case(f"R15 1.0 {path}"):
                with self.daemon.connect() as wire:
                    wire.send(get(path, version="1.0"))
                    answers = wire.read_responses()
                self.assertEqual([a.status for a in answers], [status])
            with self.case(f"R15 1.0 keep-alive {path}"):
                with self.daemon.connect() as wire:
                    wire.send(get(path, "Connection: keep-alive",
                                  version="1.0") + LAST)
                    answers = wire.read_responses()
                self.assertEqual([a.status for a in answers], [status, 200])
                self.assertEqual(
                    [v.lower() for v in answers[0].all("connection")],
                    ["keep-alive"])

    def test_pipelining(self):
        requests = [get(f"/echo?{i}") for i in range(100)]
        with self.case("R16 100 in one write"):
            with self.daemon.connect() as wire:
                answers = responses(wire.talk(
                    [b"".join(requests) + LAST]))
            self.assertEqual(len(answers), 101)
            for i, answer in enumerate(answers[:100]):
                self.assertTrue(answer.body.startswith(b"GET /echo?%d\n" % i))
        with self.case("R16 100, read slowly"):
            with self.daemon.connect(receive_buffer=2048) as wire:
                wire.send(b"".join(requests) + LAST)
                stream = b""
                while more := wire.socket.recv(37):
                    stream += more
            answers = responses(stream)
            self.assertEqual(len(answers), 101)
            for i, answer in enumerate(answers[:100]):
                self.assertTrue(answer.body.startswith(b"GET /echo?%d\n" % i))
        with self.case("R16 mixed"):
            mixed = [(get("/plaintext"), "GET", 200),
                     (get("/plaintext", method="HEAD"), "HEAD", 200),
                     (post("hello"), "POST", 200),
                     (get("/nowhere"), "GET", 404),
                     (get("/nothing"), "GET", 204),
                     (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", "POST", 200),
                     (get("/files/a.txt", 'If-None-Match: *'), "GET", 304),
                     (get("/files/a.txt", "Range: bytes=1-2"), "GET", 206),
                     (get("/nowhere", method="HEAD"), "HEAD", 404),
                     (post("x" * 70000), "POST", 200),
                     (get("*", method="OPTIONS"), "OPTIONS", 204),
                     (get("/files/big"), "GET", 200)] * 4
            with self.daemon.connect() as wire:
                stream = wire.talk([b"".join(r for r, _, _ in mixed) + LAST])
            answers = responses(stream, [m for _, m, _ in mixed])
            self.assertEqual([a.status for a in answers],
                             [s for _, _, s in mixed] + [200])
        with self.case("R16 an error ends the line"):
            with self.daemon.connect() as wire:
                stream = wire.talk([NEXT * 50 + b"GET /\x01" + NEXT * 50])
            self.assertEqual([a.status for a in responses(stream)],
                             [200] * 50 + [400])
        with self.case("R16 close ends the line"):
            with self.daemon.connect() as wire:
                stream = wire.talk([NEXT * 5 + LAST + NEXT * 500])
            self.assertEqual(len(responses(stream)), 6)
        with self.case("R16 output is bounded"):
            before = self.daemon.resident_bytes()
            with self.daemon.connect(receive_buffer=4096) as wire:
                wire.socket.setblocking(False)
                sent = 0
                request = get("/listed/") * 100
                quiet = 0
                while sent < 64 << 20 and quiet < 5:
                    try:
                        sent += wire.socket.send(request)
                        quiet = 0
                    except BlockingIOError:
                        self.daemon.barrier()
                        quiet += 1
                grown = self.daemon.resident_bytes() - before
            self.assertLess(sent, 64 << 20)
            if not SANITIZED:
                self.assertLess(grown, 4 << 20)

    def test_half_close(self):
        for name, request, count in [
            ("one", NEXT, 1), ("100", NEXT * 100, 100), ("nothing", b"", 0),
            ("close", LAST, 1), ("a body", post("hello"), 1),
            ("a large file", get("/files/big"), 1),
            ("large files", get("/files/big") * 4, 4),
        ]:
            with self.case(f"R17 FIN after {name}"):
                with self.daemon.connect() as wire:
                    wire.send(request)
                    wire.finish()
                    answers = wire.read_responses()
                self.assertEqual([a.status for a in answers], [200] * count)
        for name, request in [
            ("a method", b"GE"), ("a target", b"GET /pl"), ("a CR", NEXT[:-3]),
            ("a head", NEXT[:-2]), ("all but the LF", NEXT[:-1]),
            ("a length's body", post("hello")[:-1]),
            ("no body", post("hello")[:-5]),
            ("an unwanted body", post("hello", path="/plaintext")[:-1]),
            ("a chunk's size", CHUNKED + b"5"),
            ("a chunk", CHUNKED + b"5\r\nhel"),
            ("a chunk's end", CHUNKED + b"5\r\nhello\r"),
            ("the last chunk", CHUNKED + b"5\r\nhello\r\n0\r\n"),
            ("a trailer", CHUNKED + b"0\r\nA: b\r\n"),
            ("all but the end", CHUNKED + b"0\r\n\r"),
        ]:
            for before in (0, 3):
                with self.case(f"R17 FIN within {name}, after {before}"):
                    self.timely(lambda: self.ends_within(request, before))
        with self.case("R17 FIN after an empty line"):
            with self.daemon.connect() as wire:
                wire.send(b"\r\n")
                wire.finish()
                self.assertIn([a.status for a in wire.read_responses()],
                              ([], [400]))

    def ends_within(self, request, before):
        with self.daemon.connect() as wire:
            wire.send(NEXT * before + request)
            wire.finish()
            start = time.monotonic()
            answers = wire.read_responses()
            self.assertLess(time.monotonic() - start, 0.1)
        self.assertIn([a.status for a in answers],
                      ([200] * before, [200] * before + [400]))
        if len(answers) > before:
            self.assertTrue(answers[-1].closes())

    def test_splits(self):
        dialogues = {
            "GET": (get("/plaintext", "X: y"), [200]),
            "an empty line": (b"\r\n" + NEXT, [200]),
            "three": (NEXT * 3, [200] * 3),
            "a body": (post("hello") + NEXT, [200, 200]),
            "an unwanted body": (post("hello", path="/plaintext"), [405]),
            "chunks": (CHUNKED + b'5;a="b"\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n'
                       b"\r\n" + NEXT, [200, 200]),
            "a bad chunk": (CHUNKED + b"5\r\nhello\r\nx\r\n" + NEXT, [400]),
            "a bad field": (get("/plaintext", "X : y"), [400]),
            "a bad Host": (get("/plaintext", host="Host: a b"), [400]),
            "both lengths": (head("POST /echo HTTP/1.1", "Host: a",
                                  "Content-Length: 5",
                                  "Transfer-Encoding: chunked") +
                             b"0\r\n\r\n" + NEXT, [400]),
            "HEAD": (get("/plaintext", method="HEAD") + NEXT, [200, 200]),
            "1.0": (get("/plaintext", "Connection: keep-alive",
                        version="1.0") + NEXT, [200, 200]),
            "absolute": (get("http://b/plaintext?a=%20"), [200]),
            "a file": (get("/files/a.txt", "Range: bytes=1-2") +
                       get("/files/%61.txt"), [206, 200]),
            "two empty lines": (b"\r\n\r\n" + NEXT, [400]),
            "417": (post("hello", "Expect: x"), [417]),
            "501": (get("/", method="BREW") + NEXT, [501, 200]),
        }
        for name, (request, statuses) in dialogues.items():
            methods = ["HEAD"] if name == "HEAD" else []
            with self.case(f"R18 {name}"), contextlib.ExitStack() as stack:
                wires = []
                for cut in range(1, len(request)):
                    wire = stack.enter_context(self.daemon.connect())
                    wire.send(request[:cut])
                    wires.append((cut, wire))
                self.daemon.barrier()
                for cut, wire in wires:
                    # One byte, then the rest: three pieces.
                    wire.send(request[cut:cut + 1])
                self.daemon.barrier()
                for cut, wire in wires:
                    wire.send(request[cut + 1:] + LAST)
                for cut, wire in wires:
                    last = [200] if statuses[-1] in (200, 405) else []
                    self.assertEqual(
                        [a.status for a in wire.read_responses(methods)],
                        statuses + last, f"cut at {cut}")
        for name, (request, statuses) in dialogues.items():
            methods = ["HEAD"] if name == "HEAD" else []
            with self.case(f"R18 byte by byte: {name}"):
                with self.daemon.connect() as wire:
                    for i in range(len(request)):
                        wire.send(request[i:i + 1])
                        self.daemon.barrier()
                    wire.send(LAST)
                    last = [200] if statuses[-1] in (200, 405) else []
                    self.assertEqual(
                        [a.status for a in wire.read_responses(methods)],
                        statuses + last)


class FilesTest(WireTest):

    MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"

    def fetch(self, path, *fields, method="GET"):
        with self.daemon.connect() as wire:
            wire.send(get(path, *fields, "Connection: close", method=method))
            answers = wire.read_responses([method])
        self.assertEqual(len(answers), 1)
        return answers[0]

    def test_files(self):
        answer = self.fetch("/files/a.txt")
        with self.case("R20 validators"):
            self.assertEqual(answer.only("last-modified"), self.MODIFIED)
            self.assertRegex(answer.only("etag"), r'^"[\x21\x23-\x7e]+"$')
            self.assertEqual(answer.only("accept-ranges"), "bytes")
            self.assertTrue(
                answer.only("content-type").startswith("text/plain"))
            self.assertEqual(answer.body, b"0123456789" * 10)
        for path, body in [
            ("/files/", "<p>top"), ("/files/dir/", "<p>dir"),
            ("/files/dir/index.html", "<p>dir"), ("/files/%61.txt", None),
            ("/files/with%20space.txt", "space"), ("/files/a+b.txt", "plus"),
            ("/files/a%2Bb.txt", "plus"), ("/files/%2541.txt", "percent"),
            ("/files/%C3%BC.txt", "umlaut"), ("/files/%c3%bc.txt", "umlaut"),
            ("/files/empty", ""), ("/files/noindex/x.txt", "x"),
            ("/files/a.txt?x=y", None), ("/%66iles/a.txt", None),
        ]:
            self.accepted(f"R21 {path}", get(path), check=self.body_is(
                "0123456789" * 10 if body is None else body))
        with self.case("R20 a large file"):
            self.assertEqual(self.fetch("/files/big").body,
                             bytes(range(256)) * (5 << 12))
        for path in ["/files/a.txt", "/files/", "/files/big", "/files/empty",
                     "/files/style.css", "/files/nowhere", "/files/dir",
                     "/plaintext", "/echo", "/old", "/listed/noindex/"]:
            for field in ["X: y", "Accept-Encoding: gzip", "If-None-Match: *",
                          "If-Match: \"x\""]:
                with self.case(f"R20 HEAD {path} {field}"):
                    if path == "/echo":
                        continue
                    answers = [self.fetch(path, field, method=method)
                               for method in ("GET", "HEAD")]
                    self.assertEqual(answers[0].status, answers[1].status)
                    fields = [sorted(f for f in a.fields if f[0] != "date")
                              for a in answers]
                    self.assertEqual(fields[0], fields[1])

    def test_ranges(self):
        for value, status, content_range, body in [
            ("bytes=0-0", 206, "bytes 0-0/100", "0"),
            ("bytes=0-99", 206, "bytes 0-99/100", "0123456789" * 10),
            ("bytes=0-", 206, "bytes 0-99/100", "0123456789" * 10),
            ("bytes=99-", 206, "bytes 99-99/100", "9"),
            ("bytes=-1", 206, "bytes 99-99/100", "9"),
            ("bytes=-100", 206, "bytes 0-99/100", None),
            ("bytes=-1000", 206, "bytes 0-99/100", None),
            ("bytes=0-1000", 206, "bytes 0-99/100", None),
            ("bytes=50-54", 206, "bytes 50-54/100", "01234"),
            ("bytes=007-008", 206, "bytes 7-8/100", "78"),
            ("BYTES=0-1", 206, "bytes 0-1/100", "01"),
            ("bytes=0-99999999999999999999", 206, "bytes 0-99/100", None),
            ("bytes=-99999999999999999999", 206, "bytes 0-99/100", None),
            ("bytes=100-", 416, "bytes */100", ""),
            ("bytes=100-200", 416, "bytes */100", ""),
            ("bytes=99999999999999999999-", 416, "bytes */100", ""),
            ("bytes=18446744073709551616-18446744073709551617", 416,
             "bytes */100", ""),
            ("bytes=-0", 416, "bytes */100", ""),
            ("bytes=5-4", 200, None, None), ("bytes=", 200, None, None),
            ("bytes=-", 200, None, None), ("bytes=a-b", 200, None, None),
            ("bytes=1-b", 200, None, None), ("bytes=1", 200, None, None),
            ("bytes=1--2", 200, None, None), ("bytes=--1", 200, None, None),
            ("bytes=+1-2", 200, None, None), ("bytes=1-2-3", 200, None, None),
            ("bytes=1 - 2", 200, None, None), ("bytes", 200, None, None),
            ("bytes 0-1", 200, None, None), ("bytes: 0-1", 200, None, None),
            ("items=0-1", 200, None, None), ("=0-1", 200, None, None),
            ("0-1", 200, None, None), ("", 200, None, None),
            ("bytes=0-1,3-4", 200, None, None),
            ("bytes=0-1, 200-", 200, None, None),
            ("bytes=0-,0-,0-", 200, None, None),
            ("bytes=0x1-2", 200, None, None), ("bytes=1.0-2", 200, None, None),
        ]:
            def check(answer, status=status, content_range=content_range,
                      body=body):
                self.assertEqual(answer.only("content-range"), content_range)
                if status != 416:
                    self.assertEqual(answer.body, b"0123456789" * 10
                                     if body is None else b(body))
                    self.assertEqual(answer.only("last-modified"),
                                     self.MODIFIED)
            self.accepted(f"R20 {value}",
                          get("/files/a.txt", "Range: " + value), status,
                          check=check)
        self.accepted("R20 Range of HEAD", get(
            "/files/a.txt", "Range: bytes=0-1", method="HEAD"), 200,
            method="HEAD", check=lambda a: self.assertEqual(a.length, "100"))
        self.accepted("R20 two Ranges", get(
            "/files/a.txt", "Range: bytes=0-1", "Range: bytes=3-4"), 200)
        self.accepted("R20 Range of an empty file",
                      get("/files/empty", "Range: bytes=0-"), 416,
                      check=lambda a: self.assertEqual(
                          a.only("content-range"), "bytes */0"))
        self.accepted("R20 Range of nothing",
                      get("/files/nowhere", "Range: bytes=0-"), 404)
        for first, last in [(0, 0), (255, 256), (65535, 65536),
                            (1 << 20, (1 << 20) + 70000), (5242879, 5242879)]:
            want = (bytes(range(256)) * (5 << 12))[first:last + 1]
            self.accepted(f"R20 Range {first}-{last} of a large file", get(
                "/files/big", f"Range: bytes={first}-{last}"), 206,
                check=self.body_is(want))

    def test_if_range(self):
        etag = self.fetch("/files/a.txt").only("etag")
        for value, status in [
            (etag, 206), ("W/" + etag, 200), ('"x"', 200), ("x", 200),
            (etag + "x", 200), (etag.strip('"'), 200), ("*", 200),
            (f'{etag}, "x"', 200), (self.MODIFIED, 206),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 206),
            ("Sun Nov  6 08:49:37 1994", 206),
            ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
            ("Sun, 06 Nov 1994 08:49:36 GMT", 200), ("", 200),
        ]:
            self.accepted(f"R20 If-Range {value}", get(
                "/files/a.txt", "Range: bytes=0-1", "If-Range: " + value),
                status)
        self.accepted("R20 If-Range without Range",
                      get("/files/a.txt", 'If-Range: "x"'), 200)
        self.accepted("R20 If-Range goes before 416", get(
            "/files/a.txt", "Range: bytes=100-", 'If-Range: "x"'), 200)

    def test_conditions(self):
        etag = self.fetch("/files/a.txt").only("etag")
        same = self.MODIFIED
        earlier = "Sun, 06 Nov 1994 08:49:36 GMT"
        later = "Mon, 07 Nov 1994 08:49:37 GMT"
        rfc850 = "Sunday, 06-Nov-94 08:49:37 GMT"
        asctime = "Sun Nov  6 08:49:37 1994"
        inm, ims = "If-None-Match: ", "If-Modified-Since: "
        im, ius = "If-Match: ", "If-Unmodified-Since: "
        rows = [
            ([inm + etag], 304), ([inm + "W/" + etag], 304), ([inm + "*"], 304),
            ([inm + '"x"'], 200), ([inm + '"x", ' + etag], 304),
            ([inm + '"x",W/"y",' + etag], 304), ([inm + ',,' + etag], 304),
            ([inm + '"x"', inm + etag], 304), ([inm + etag, inm + '"x"'], 304),
            ([inm + '"x"', inm + '"y"'], 200), ([inm + '"a,b", ' + etag], 304),
            ([inm + etag.strip('"')], 200), ([inm + "w/" + etag], 200),
            ([inm], 200), ([inm + '"x'], 200),
            ([ims + same], 304), ([ims + later], 304), ([ims + earlier], 200),
            ([ims + rfc850], 304), ([ims + asctime], 304),
            ([ims + "Sunday, 06-Nov-94 08:49:36 GMT"], 200),
            ([ims + "Sun Nov  6 08:49:36 1994"], 200),
            ([ims + "Sun Nov 06 08:49:37 1994"], None),
            ([ims + "Sun, 06 Nov 1994 08:49:37 +0000"], 200),
            ([ims + "Sun, 06 Nov 1994 08:49:37"], 200),
            ([ims + "Sun, 6 Nov 1994 08:49:37 GMT"], 200),
            ([ims + "1994-11-06T08:49:37Z"], 200), ([ims + "784111777"], 200),
            ([ims + "Sun, 31 Feb 2024 08:49:37 GMT"], 200),
            ([ims + "Sun, 06 Nov 1994 25:49:37 GMT"], 200),
            ([ims + "x"], 200), ([ims], 200), ([ims + "0"], 200),
            ([ims + "Fri, 31 Dec 9999 23:59:59 GMT"], 304),
            ([ims + same, ims + same], 200),
            ([inm + '"x"', ims + same], 200), ([inm + etag, ims + earlier], 304),
            ([im + etag], 200), ([im + "*"], 200), ([im + '"x"'], 412),
            ([im + "W/" + etag], 412), ([im + '"x", ' + etag], 200),
            ([im + '"x"', im + etag], 200), ([im], 412), ([im + "x"], 412),
            ([ius + same], 200), ([ius + later], 200), ([ius + earlier], 412),
            ([ius + rfc850], 200), ([ius + asctime], 200), ([ius + "x"], 200),
            ([ius + "Sunday, 06-Nov-94 08:49:36 GMT"], 412),
            ([im + etag, ius + earlier], 200), ([im + '"x"', ius + same], 412),
            ([im + etag, inm + etag], 304), ([im + '"x"', inm + etag], 412),
            ([im + etag, ims + same], 304), ([ius + earlier, ims + same], 412),
            ([ius + same, inm + etag], 304), ([ius + same, ims + same], 304),
            ([im + etag, inm + '"x"', ims + same], 200),
            ([inm + etag, "Range: bytes=0-1"], 304),
            ([inm + '"x"', "Range: bytes=0-1"], 206),
            ([im + etag, "Range: bytes=0-1"], 206),
            ([im + '"x"', "Range: bytes=0-1"], 412),
            ([ims + same, "Range: bytes=0-1"], 304),
            ([ius + earlier, "Range: bytes=100-"], 412),
            ([inm + etag, "Range: bytes=100-"], 304),
        ]
        for fields, status in rows:
            if status is None:
                continue
            name = "; ".join(fields)

            def check(answer, status=status):
                if status == 304:
                    self.assertEqual(answer.only("etag"), etag)
            self.accepted(f"R20 {name}", get("/files/a.txt", *fields), status,
                          check=check)
            if status in (304, 412):
                self.accepted(f"R20 HEAD {name}", get(
                    "/files/a.txt", *fields, method="HEAD"), status,
                    method="HEAD")
        self.accepted("R20 If-None-Match of nothing",
                      get("/files/nowhere", inm + "*"), 404)

    def test_precompressed(self):
        path = "/files/style.css"
        bodies = {"br": b"brotli", "gzip": b"gzip", "zstd": b"zstd",
                  None: b"identity " * 50}
        for accept, coding in [
            (None, None), ("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"),
            ("GZIP", "gzip"), ("x-gzip", "gzip"), ("gzip;q=0", None),
            ("gzip;q=0, br", "br"), ("br;q=0.5, gzip;q=1.0", "gzip"),
            ("gzip;q=0.5, br;q=0.4", "gzip"), ("identity", None),
            ("identity;q=1, gzip;q=0.5", None), ("deflate", None), ("", None),
            ("gzip;q=0.001", None), ("*;q=0", None), ("br;q=0, *;q=0", None),
        ]:
            with self.case(f"R20 Accept-Encoding {accept}"):
                fields = [] if accept is None else ["Accept-Encoding: " + accept]
                answer = self.fetch(path, *fields)
                self.assertEqual(answer.status, 200)
                if accept == "gzip;q=0.001" and answer.only("content-encoding"):
                    coding = "gzip"
                self.assertEqual(answer.only("content-encoding"), coding)
                self.assertEqual(answer.body, bodies[coding])
                self.assertIn("accept-encoding",
                              (answer.only("vary") or "").lower())
                self.assertIn("text/css", answer.only("content-type"))
        with self.case("R20 each coding has its own ETag"):
            tags = {self.fetch(path, "Accept-Encoding: " + coding).only("etag")
                    for coding in ("gzip", "br", "zstd", "identity")}
            self.assertEqual(len(tags), 4)
        with self.case("R20 the ETag of another coding"):
            etag = self.fetch(path).only("etag")
            answer = self.fetch(path, "Accept-Encoding: gzip",
                                "If-None-Match: " + etag)
            self.assertEqual(answer.status, 200)
        with self.case("R20 Range of a coding"):
            answer = self.fetch(path, "Accept-Encoding: gzip",
                                "Range: bytes=1-2")
            self.assertEqual((answer.status, answer.body), (206, b"zi"))
            self.assertEqual(answer.only("content-range"), "bytes 1-2/4")

    def test_paths(self):
        for path in ["/files/../secret", "/files/%2e%2e/secret",
                     "/files/%2E%2e/secret", "/files/.%2e/secret",
                     "/files/%2e%2e%2fsecret", "/files/..%2fsecret",
                     "/files/..%2Fsecret", "/files/..%5csecret",
                     "/files/%5c..%5csecret", "/files/dir/../../secret",
                     "/files/dir/../a.txt", "/files/dir/%2e%2e/a.txt",
                     "/files/./a.txt", "/files/%2e/a.txt", "/files/dir/.",
                     "/files/dir/..", "/files/..", "/files/.", "/files/../",
                     "/files/.hidden", "/files/%2ehidden", "/files/.git/config",
                     "/files/%2egit/config", "/files/.git/", "/files/.git",
                     "/files/dir/.secret", "/files/..x", "/files/...",
                     "/files/a.txt%00", "/files/%00", "/files/a%00.txt",
                     "/files/a.txt%00.html", "/files//a.txt", "/files//",
                     "/files//dir/", "/files/dir//index.html",
                     "/files//etc/passwd", "/files/%2fetc/passwd",
                     "/files/%2Fetc%2Fpasswd", "/files/dir%2findex.html",
                     "/files/dir%5cindex.html", "/files/out", "/files/out/",
                     "/files/absolute", "/files/outdir/", "/files/outdir",
                     "/files/outdir/secret", "/files/loop", "/files/fifo",
                     "/files/a.txt/", "/files/a.txt/x", "/files/a.txt/../a.txt",
                     "/files/%252e%252e/secret", "/files/%252e%252e%252fsecret",
                     "/files/%c0%ae%c0%ae/secret", "/files/%ff", "/files/%20",
                     "/files/" + "a" * 300, "/files/" + "a/" * 3000 + "b",
                     "/files/~root", "/files/nowhere", "/files/noindex/",
                     "/files/A.TXT", "/../secret", "/%2e%2e/secret", "/..",
                     "/.", "/./plaintext", "/x/../plaintext", "/plaintext/.",
                     "/plaintext/..", "/%2e/plaintext", "//plaintext",
                     "/plaintext/", "/plaintext%2f", "/%2fplaintext",
                     "/Plaintext", "//", "///", "//etc/passwd",
                     "/listed/.git/", "/listed/outdir/", "/listed/fifo",
                     "/users//posts", "/users/a%2fb/posts", "/users/../posts",
                     "http://b/files/../secret", "/files/proc/self/environ",
                     "/files/\u00e9".encode().decode("latin-1")]:
            with self.case(f"R21 {path[:60]}"):
                with self.daemon.connect() as wire:
                    stream = wire.talk([get(path) + LAST])
                answers = responses(stream)
                self.assertIn(answers[0].status, (400, 404), stream[:300])
                self.assertNotIn(b"the secret", stream)
                self.assertNotIn(b"root:", stream)
                self.assertEqual(len(answers),
                                 1 if answers[0].closes() else 2)
        for path, location in [
            ("/files", "/files/"), ("/files/dir", "/files/dir/"),
            ("/files?a=b", "/files/?a=b"), ("/files/dir?a", "/files/dir/?a"),
            ("/files/%64ir", "/files/%64ir/"), ("/old", "/files/"),
            ("/listed/noindex", "/listed/noindex/"),
        ]:
            self.accepted(f"R21 {path}", get(path), 308,
                          check=lambda a, location=location: self.assertEqual(
                              a.only("location"), location))
        for path in ["//files", "//files/dir", "///files", "//evil/%2e%2e",
                     "//evil.example/..", "//files/", "http://b//files",
                     "http://b//evil.example/%2e%2e/files", "/%2ffiles",
                     "/files//evil.example", "/files//dir", "/%5cfiles",
                     "//files//dir", "/files/%2fevil.example%2f..", "//old"]:
            with self.case(f"R21 Location of {path}"):
                answer = self.fetch(path)
                location = answer.only("location") or "/"
                self.assertFalse(location.startswith("//"), location)
                self.assertFalse(location.startswith("/\\"), location)
                self.assertTrue(location.startswith("/"), location)
        with self.case("R21 a link within"):
            self.assertIn(self.fetch("/files/link.txt").status, (200, 404))
        with self.case("R21 a listing"):
            page = self.fetch("/listed/noindex/")
            self.assertIn(b"x.txt", page.body)
            self.assertEqual(page.status, 200)
            self.assertNotIn(b".git", self.fetch("/listed/dir/").body)

    def test_errors_reflect_nothing(self):
        # Response() looks for the marker in each error.
        m = MARKER
        for name, request in [
            ("404", get("/" + m)), ("404 query", get("/nowhere?" + m)),
            ("404 Host", get("/nowhere", host="Host: " + m)),
            ("404 field", get("/nowhere", m + ": x", "X: " + m)),
            ("404 HTML", get("/" + m, "Accept: text/html")),
            ("404 script", get("/%3Cscript%3E" + m, "Accept: text/html")),
            ("404 JSON", get("/" + m, "Accept: application/json")),
            ("404 file", get("/files/" + m)),
            ("405", get("/plaintext?" + m, method="PUT")),
            ("501", get("/plaintext", method=m)),
            ("400 method", get("/", method=m + "(")),
            ("400 target", get("/\x01" + m)), ("400 target", get(m)),
            ("400 version", get("/", version=m)),
            ("400 name", get("/", m + " : x")),
            ("400 value", get("/", "X: " + m + "\x00")),
            ("400 Host", get("/", host=f"Host: {m} {m}")),
            ("400 length", get("/", "Content-Length: " + m)),
            ("400 coding", get("/", f"Transfer-Encoding: {m};x")),
            ("501 coding", get("/", f"Transfer-Encoding: {m}")),
            ("400 chunk", CHUNKED + b(m)), ("417", get("/", "Expect: " + m)),
            ("421", get(f"https://{m}/")), ("505", get("/" + m, version="2.0")),
            ("414", get("/" + m * 2000)), ("431", get("/", "X: " + m * 5000)),
            ("412", get("/files/a.txt", f'If-Match: "{m}"')),
            ("416", get("/files/a.txt?" + m, "Range: bytes=200-")),
        ]:
            with self.case(f"R21 {name} reflects nothing"):
                with self.daemon.connect() as wire:
                    stream = wire.talk([request + LAST])
                answers = responses(stream)
                self.assertEqual(str(answers[0].status), name[:3])
                self.assertNotIn(b(m), stream)


class DeadlinesTest(WireTest):
    """Settings short enough to wait for."""

    MORE = """
      timeouts { head: "400ms" body: "400ms" idle: "700ms" write: "500ms" }
      limits { min_rate: "500B" }
    """
    HEAD, BODY, IDLE, WRITE = 0.4, 0.4, 0.7, 0.5
    # What a busy machine may be late.
    LATE = 1.5

    def ends(self, after, statuses, *pieces, every=0.0, first=()):
        """Connects, sends, and sees when the connection ends and how."""
        def run():
            with self.daemon.connect() as wire:
                for piece in first:
                    wire.send(piece)
                    wire.read_response()
                start = time.monotonic()
                stream = b""
                left = list(pieces)
                while True:
                    wait = every if left else DEADLINE
                    if select.select([wire.socket], [], [], wait)[0]:
                        more = wire.socket.recv(1 << 16)
                        if not more:
                            break
                        stream += more
                    elif left:
                        wire.send(left.pop(0))
                    else:
                        self.fail(f"it hangs after {stream!r}")
                took = time.monotonic() - start
            self.assertEqual([a.status for a in responses(stream)],
                             list(statuses))
            if statuses and statuses[-1] >= 400:
                self.assertTrue(responses(stream)[-1].closes())
            self.assertGreaterEqual(took, after - 0.05)
            self.assertLess(took, after + self.LATE)
        return run

    def test_deadlines(self):
        unfinished = post("x" * 500)[:-499]
        slow_head = [b"GET /plaintext HTTP/1.1\r\n"] + [b"X: y\r\n"] * 100
        dribble = [b"G", b"E", b"T", b" ", b"/"] + [b"a"] * 200
        chunk_dribble = [CHUNKED] + [b"1\r\na\r\n"] * 200
        self.together(
            ("R19 nothing sent", self.ends(self.IDLE, [])),
            ("R19 idle", self.ends(self.IDLE, [], first=[NEXT])),
            ("R19 idle after three",
             self.ends(self.IDLE, [], first=[NEXT, NEXT, NEXT])),
            ("R19 idle after a body",
             self.ends(self.IDLE, [], first=[post("hello")])),
            ("R19 one byte", self.ends(self.HEAD, [408], b"G")),
            ("R19 a line", self.ends(self.HEAD, [408], b"GET / HTTP/1.1\r\n")),
            ("R19 all but the end", self.ends(self.HEAD, [408], NEXT[:-1])),
            ("R19 an empty line and a byte",
             self.ends(self.HEAD, [408], b"\r\nG")),
            ("R19 a second head", self.ends(self.HEAD, [200, 408], NEXT + b"G")),
            ("R19 a head after an answer",
             self.ends(self.HEAD, [408], b"GET", first=[NEXT])),
            ("R19 dribbled bytes",
             self.ends(self.HEAD, [408], *dribble, every=0.02)),
            ("R19 dribbled fields",
             self.ends(self.HEAD, [408], *slow_head, every=0.02)),
            ("R19 dribbled after an answer", self.ends(
                self.HEAD, [408], *dribble, every=0.05, first=[NEXT])),
            ("R19 no body", self.ends(self.BODY, [408], post("hello")[:-5])),
            ("R19 a part of a body", self.ends(self.BODY, [408], unfinished)),
            ("R19 an unwanted body", self.ends(
                self.BODY, [408], post("hello", path="/plaintext")[:-1])),
            ("R19 GET's body", self.ends(
                self.BODY, [408], get("/plaintext", "Content-Length: 5"))),
            ("R19 a dribbled body", self.ends(
                self.BODY, [408], unfinished, *[b"x"] * 200, every=0.02)),
            ("R19 no chunks", self.ends(self.BODY, [408], CHUNKED)),
            ("R19 a part of a chunk",
             self.ends(self.BODY, [408], CHUNKED + b"5\r\nhel")),
            ("R19 no last chunk",
             self.ends(self.BODY, [408], CHUNKED + b"5\r\nhello\r\n")),
            ("R19 no end of trailers",
             self.ends(self.BODY, [408], CHUNKED + b"0\r\nA: b\r\n")),
            ("R19 dribbled chunks",
             self.ends(self.BODY, [408], *chunk_dribble, every=0.02)),
            ("R19 a body that was asked for", self.ends(
                self.BODY, [100, 408],
                post("hello", "Expect: 100-continue")[:-5])),
            ("R19 a dribbled chunk line", self.ends(
                self.BODY, [408], CHUNKED + b"5;a=", *[b"b"] * 200,
                every=0.02)),
            ("R19 dribbled trailers", self.ends(
                self.BODY, [408], CHUNKED + b"0\r\nA: b", *[b"b"] * 200,
                every=0.02)),
            ("R19 a body that is fast enough", self.a_fast_body),
            ("R19 requests one by one", self.a_busy_connection),
            ("R19 a client that does not read", self.a_client_that_stalls),
            ("R19 a client that reads slowly", self.a_slow_reader),
        )

    def a_fast_body(self):
        size = 40 * 300
        with self.daemon.connect() as wire:
            wire.send(post("x" * size)[:-size])
            start = time.monotonic()
            for _ in range(40):
                wire.send(b"x" * 300)
                self.assertTrue(wire.is_silent(0.03) or _ == 39)
            self.assertEqual(len(wire.read_response().body), size)
            self.assertGreater(time.monotonic() - start, 2 * self.BODY)

    def a_busy_connection(self):
        with self.daemon.connect() as wire:
            for _ in range(8):
                wire.send(NEXT)
                self.assertEqual(wire.read_response().body, HELLO)
                self.assertTrue(wire.is_silent(self.IDLE / 4))

    def a_client_that_stalls(self):
        with self.daemon.connect(receive_buffer=4096) as wire:
            wire.send(get("/files/big") * 10)
            # A reset is readable, as data is: it is told by the state.
            start = time.monotonic()
            while wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO,
                                         1)[0] == 1:
                self.assertLess(time.monotonic() - start, 5)
                time.sleep(0.01)
            self.assertGreater(time.monotonic() - start, self.WRITE - 0.05)
            with self.assertRaises(ConnectionResetError):
                while wire.socket.recv(1 << 16):
                    pass
                self.fail("the answer ends as if it were whole")

    def a_slow_reader(self):
        with self.daemon.connect(receive_buffer=4096) as wire:
            wire.send(get("/files/big", "Connection: close"))
            start = time.monotonic()
            received = 0
            while time.monotonic() - start < 3 * self.WRITE:
                received += len(wire.socket.recv(16384))
                time.sleep(0.01)
            received += len(wire.read_to_end())
            self.assertGreater(received, 5 << 20)


class EndTest(WireTest):

    def wait_for_end(self, daemon, seconds=DEADLINE):
        self.assertEqual(daemon.process.wait(seconds), 0)

    def wait_until_refused(self, daemon):
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            try:
                with daemon.connect():
                    pass
            except ConnectionRefusedError:
                return
            except ConnectionError:
                pass
        self.fail("it still listens")

    def test_drain(self):
        with self.case("R26 what has begun is finished"), \
                self.start() as daemon, contextlib.ExitStack() as stack:
            wires = [stack.enter_context(daemon.connect()) for _ in range(4)]
            idle, half_head, half_body, slow = wires
            for wire in wires:
                wire.send(NEXT)
                wire.read_response()
            half_head.send(NEXT[:20])
            half_body.send(post("hello")[:-2])
            slow.send(get("/files/big") * 3)
            daemon.barrier()
            daemon.process.terminate()
            self.wait_until_refused(daemon)
            self.assertEqual(idle.read_to_end(), b"")
            half_head.send(NEXT[20:])
            half_body.send(b"lo")
            for wire, body in [(half_head, HELLO), (half_body, b"hello")]:
                answers = wire.read_responses()
                self.assertEqual([a.body for a in answers], [body])
                self.assertTrue(answers[0].closes())
            answers = slow.read_responses()
            self.assertEqual([len(a.body) for a in answers], [5 << 20] * 3)
            self.assertTrue(answers[-1].closes())
            for wire in wires:
                wire.socket.close()
            self.wait_for_end(daemon)
        with self.case("R26 the drain has an end"), \
                self.start('timeouts { drain: "300ms" }') as daemon:
            with daemon.connect() as wire:
                wire.send(NEXT[:20])
                daemon.barrier()
                start = time.monotonic()
                daemon.process.terminate()
                self.wait_for_end(daemon, 5)
                self.assertGreater(time.monotonic() - start, 0.25)
        with self.case("R26 a second signal"), self.start() as daemon:
            with daemon.connect() as wire:
                wire.send(NEXT[:20])
                daemon.barrier()
                daemon.process.terminate()
                self.wait_until_refused(daemon)
                start = time.monotonic()
                daemon.process.terminate()
                self.wait_for_end(daemon)
                self.assertLess(time.monotonic() - start, 2)
        with self.case("R26 nothing to do"), self.start() as daemon:
            start = time.monotonic()
            daemon.process.terminate()
            self.wait_for_end(daemon)
            self.assertLess(time.monotonic() - start, 2)

    def test_what_waits_to_be_accepted_is_answered(self):
        with self.case("R26 the backlog"), self.start() as daemon, \
                contextlib.ExitStack() as stack:
            daemon.process.send_signal(signal.SIGSTOP)
            wires = [stack.enter_context(daemon.connect()) for _ in range(100)]
            for wire in wires:
                wire.send(NEXT)
            daemon.process.terminate()
            daemon.process.send_signal(signal.SIGCONT)
            for wire in wires:
                answers = wire.read_responses()
                self.assertEqual([a.body for a in answers], [HELLO])
                self.assertTrue(answers[0].closes())
                wire.socket.close()
            self.wait_for_end(daemon)

    def load(self, daemon, requests, batch, signalled, lost, answered):
        """Asks without a pause, until the server announces its end."""
        while True:
            try:
                wire = daemon.connect()
            except ConnectionError:
                return
            with wire:
                # Nobody can close a listener without a last one being too late.
                may_be_late = signalled.is_set()
                for _ in range(requests):
                    try:
                        wire.send(batch)
                        answers = [wire.read_response()
                                   for _ in range(batch.count(b"HTTP/1.1"))]
                    except (AssertionError, OSError) as error:
                        if not may_be_late:
                            lost.append(str(error))
                        return
                    may_be_late = False
                    answered.append(len(answers))
                    if answers[-1].closes():
                        return

    def test_drain_under_load(self):
        for name, requests, batch in [
            ("a request a connection", 1, NEXT),
            ("kept connections", 1 << 30, NEXT),
            ("bodies", 1 << 30, post("hello" * 1000)),
            ("pipelines", 1 << 30, NEXT * 7),
            ("files", 20, get("/files/a.txt") + get("/files/style.css")),
        ]:
            with self.case(f"R26 {name}"), self.start() as daemon:
                signalled = threading.Event()
                lost, answered = [], []
                threads = [
                    threading.Thread(target=self.load, args=(
                        daemon, requests, batch, signalled, lost, answered))
                    for _ in range(8)]
                for thread in threads:
                    thread.start()
                until = time.monotonic() + DEADLINE
                while len(answered) < 300 and time.monotonic() < until:
                    time.sleep(0.005)
                signalled.set()
                daemon.process.terminate()
                for thread in threads:
                    thread.join(DEADLINE)
                self.wait_for_end(daemon)
                self.assertEqual(lost, [])
                self.assertGreaterEqual(len(answered), 300)


class ResourcesTest(WireTest):

    def test_connections_leave_nothing(self):
        self.daemon.barrier()
        baseline = self.daemon.descriptors()
        with self.case("R25 300 RSTs"):
            for i in range(300):
                wire = self.daemon.connect()
                wire.send([b"", b"G", NEXT, get("/files/big"),
                           post("hello")[:-1], CHUNKED][i % 6])
                wire.reset()
            self.daemon.barrier()
            # The files that were sent stay open for a while.
            self.daemon.wait_for_descriptors(baseline + 1)
        with self.case("R25 500 connections"):
            for i in range(500):
                with self.daemon.connect() as wire:
                    if i % 2:
                        wire.send(NEXT)
            self.daemon.barrier()
            self.daemon.wait_for_descriptors(baseline + 1)
        with self.case("R25 aborted downloads"):
            for i in range(100):
                with self.daemon.connect() as wire:
                    wire.send(get("/files/big"))
                    wire.socket.recv(1000)
            self.daemon.barrier()
            self.daemon.wait_for_descriptors(baseline + 1)

    @unittest.skipIf(SANITIZED, "sanitizers need memory of their own")
    def test_memory(self):
        with self.case("R24 idle connections"), self.start() as daemon, \
                contextlib.ExitStack() as stack:
            wires = [stack.enter_context(daemon.connect()) for _ in range(50)]
            for wire in wires:
                wire.send(NEXT)
                wire.read_response()
            before = daemon.resident_bytes()
            wires = [stack.enter_context(daemon.connect()) for _ in range(500)]
            for wire in wires:
                wire.send(NEXT)
                wire.read_response()
            idle = (daemon.resident_bytes() - before) / 500
            self.assertLess(idle, 16 << 10)
            for wire in wires:
                wire.send(get("/", "X: " + "a" * 20000)[:-2])
            daemon.barrier()
            active = (daemon.resident_bytes() - before) / 500
            self.assertLess(active, 64 << 10)

    def test_max_connections(self):
        with self.case("R24 max_connections"):
            self.timely(self.fill_up)

    def fill_up(self):
        with self.start("limits { max_connections: 4 }") as daemon, \
                contextlib.ExitStack() as stack:
            wires = [stack.enter_context(daemon.connect()) for _ in range(4)]
            for wire in wires:
                wire.send(NEXT + NEXT[:20])
                wire.read_response()
            for _ in range(3):
                with daemon.connect() as wire:
                    wire.send(NEXT)
                    answers = wire.read_responses()
                    self.assertIn([a.status for a in answers], ([503], []))
            for wire in wires:
                wire.send(NEXT[20:])
                self.assertEqual(wire.read_response().body, HELLO)
                wire.send(NEXT[:20])
            wires[0].socket.close()
            self.recovers(daemon, time.monotonic())

    def few_descriptors(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))

    def exhaust(self, more):
        with self.start(more, self.few_descriptors) as daemon:
            baseline = daemon.descriptors()
            wires = []
            for _ in range(150):
                with contextlib.suppress(ConnectionError):
                    wire = daemon.connect()
                    wire.send(NEXT[:20])
                    wires.append(wire)
            busy = daemon.cpu_seconds()
            start = time.monotonic()
            # Time passes: nothing is to happen in it.
            time.sleep(2)
            used = daemon.cpu_seconds() - busy
            self.assertLess(used / (time.monotonic() - start), 0.02)
            # A newcomer is told soon, not left hanging.
            start = time.monotonic()
            with contextlib.suppress(ConnectionError, AssertionError):
                with daemon.connect() as wire:
                    wire.send(NEXT)
                    answers = wire.read_responses()
                    self.assertIn([a.status for a in answers], ([503], []))
            self.assertLess(time.monotonic() - start, 0.2)
            for wire in wires:
                wire.reset()
            start = time.monotonic()
            self.recovers(daemon, start)
            daemon.wait_for_descriptors(baseline, 4)

    def recovers(self, daemon, start):
        while True:
            with contextlib.suppress(ConnectionError, AssertionError):
                with daemon.connect() as wire:
                    wire.send(NEXT)
                    if wire.read_response().status == 200:
                        break
            self.assertLess(time.monotonic() - start, 0.1)
        self.assertLess(time.monotonic() - start, 0.1)

    @unittest.skipIf(SANITIZED, "UBSan looks at memory through a pipe, for "
                     "which there is no descriptor then")
    def test_descriptors_run_out(self):
        self.together(
            ("R23 above what there is",
             lambda: self.timely(lambda: self.exhaust(
                 "limits { max_connections: 10000 }"))),
            ("R23 as many as there are",
             lambda: self.timely(lambda: self.exhaust(""))),
        )

    def test_crowd(self):
        with self.case("R25 a crowd"):
            self.timely(self.crowd)

    def crowd(self):
        with self.start() as daemon, contextlib.ExitStack() as stack:
            baseline = daemon.descriptors()
            for count, beginning, buffer in [
                (200, b"", None), (200, NEXT[:-2], None),
                (100, post("x" * 1000)[:-900], None),
                (50, get("/files/big") * 20, 4096),
            ]:
                for _ in range(count):
                    wire = stack.enter_context(
                        daemon.connect(receive_buffer=buffer))
                    wire.send(beginning)
            daemon.barrier()
            for _ in range(20):
                start = time.monotonic()
                daemon.barrier()
                self.assertLess(time.monotonic() - start, 0.05)
            # Nothing happens now, and nothing is to be done.
            before = daemon.cpu_seconds()
            time.sleep(1)
            self.assertLess(daemon.cpu_seconds() - before, 0.03)
            stack.close()
            # A file of its cache stays open.
            daemon.wait_for_descriptors(baseline + 1)


def tearDownModule():
    total = ", ".join(f"{name} {CASES[name]}" for name in
                      sorted(CASES, key=lambda name: int(name[1:])))
    print(f"{sum(CASES.values())} cases: {total}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
