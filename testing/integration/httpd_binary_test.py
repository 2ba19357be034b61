#!/usr/bin/env python3
"""The daemon's real program, from outside: flags, output, signals, the wire."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

HTTPD = os.path.abspath("httpd/httpd")

# In seconds: ends a test that hangs, before Bazel ends all of them. No other
# result depends on how fast the machine is.
DEADLINE = 240

ROUTE = 'route { path: "/" fixed { body: "ha?\\n" content_type: "text/plain" } }'
CONFIG = 'listener { address: "127.0.0.1:0" } ' + ROUTE
# No deadline expires during a test, except for the linger, which is short: what
# ends does so for another reason.
PATIENT_CONFIG = CONFIG + (
    ' admin { address: "127.0.0.1:0" } timeouts { head: "1h" body: "1h" '
    'idle: "1h" write: "1h" drain: "1h" linger: "1ms" } ')


def run(*arguments, env=None):
    """Runs the program, which has to end by itself."""
    return subprocess.run(
        [HTTPD, *arguments], capture_output=True, text=True, timeout=DEADLINE,
        env=env)


class Daemon:
    """A running daemon; stopped, if it still runs, when its block ends."""

    def __init__(self, *arguments, env=None):
        self.process = subprocess.Popen(
            [HTTPD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=env)
        # Ends the reading below, too, should the program say nothing.
        self._watchdog = threading.Timer(DEADLINE, self.process.kill)
        self._watchdog.start()

    def __enter__(self):
        self.url = self.process.stdout.readline().strip()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", self.url)
        if not match:
            self.__exit__()
            raise AssertionError(f"not a URL: {self.url!r}, {self.stderr!r}")
        self.port = int(match[1])
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.end()

    def end(self):
        """Waits for the end; returns the exit status, negative for a signal."""
        if not self.process.stdout.closed:
            self.stdout, self.stderr = self.process.communicate(timeout=DEADLINE)
            self._watchdog.cancel()
        return self.process.returncode

    def connect(self):
        return contextlib.closing(
            socket.create_connection(("127.0.0.1", self.port), DEADLINE))


def read_response(connection):
    """Returns head and body of the next response."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(1)
        if not more:
            raise AssertionError(f"the end, after {received!r}")
        received += more
    length = int(re.search(rb"\r\nContent-Length: (\d+)\r\n", received)[1])
    body = b""
    while len(body) < length:
        more = connection.recv(length - len(body))
        if not more:
            raise AssertionError(f"the end, after {received!r} and {body!r}")
        body += more
    return received.decode(), body.decode()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def wait_until_it_drains(daemon):
    """Waits until the first signal has arrived. Each request waits for its
    response, so the daemon sets the pace. The admin address responds until the
    daemon has drained."""
    line = daemon.process.stdout.readline()
    while not line.startswith("admin: "):
        line = daemon.process.stdout.readline()
    port = int(re.fullmatch(r"admin: http://127\.0\.0\.1:(\d+)/metrics\n",
                            line)[1])
    with contextlib.closing(
            socket.create_connection(("127.0.0.1", port), DEADLINE)) as admin:
        body = ""
        while body != "draining\n":
            admin.sendall(get("/readyz"))
            body = read_response(admin)[1]


class AccessLogTest(unittest.TestCase):

    def test_a_log_that_was_moved_away_is_begun_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "access.log"
            with Daemon("--config_text=" + CONFIG +
                        f" access_log {{ path: '{path}' }}") as daemon:
                with daemon.connect() as connection:
                    def ask(target):
                        connection.sendall(get(target))
                        read_response(connection)

                    ask("/old")
                    path.rename(path.with_suffix(".1"))
                    daemon.process.send_signal(signal.SIGUSR1)
                    while not path.exists():
                        ask("/between")
                    ask("/new")
                daemon.process.send_signal(signal.SIGTERM)
                self.assertEqual(daemon.end(), 0)
            self.assertIn("/old", path.with_suffix(".1").read_text())
            self.assertIn("/new", path.read_text())
            self.assertNotIn("/old", path.read_text())

    def test_a_reader_that_stalls_holds_nobody_up(self):
        """More lines than a pipe takes, and nobody reads them."""
        many = 50
        for more in ("", "workers: 2"):
            with Daemon("--config_text=" + CONFIG + more +
                        " access_log { path: '-' }") as daemon:
                with daemon.connect() as connection:
                    for _ in range(many):
                        connection.sendall(get("/" + 4000 * "x"))
                        self.assertIn("404", read_response(connection)[0])
                daemon.process.send_signal(signal.SIGTERM)
                self.assertEqual(daemon.process.wait(DEADLINE), 0)
                log = os.read(daemon.process.stdout.fileno(), 1 << 20)
                self.assertLess(log.count(b"\n"), many)
                self.assertTrue(log.startswith(b"127.0.0.1 - - ["))


class ServingTest(unittest.TestCase):

    def test_curl_gets_the_answer(self):
        with Daemon("--config_text=" + CONFIG) as daemon:
            answer = subprocess.run(
                ["curl", "-si", "--noproxy", "*", daemon.url],
                capture_output=True, text=True, timeout=DEADLINE, check=True)
        head, body = answer.stdout.split("\n\n", 1)
        self.assertTrue(head.startswith("HTTP/1.1 200 OK\n"), head)
        self.assertRegex(head, r"\nDate: \w{3}, \d\d \w{3} \d{4} "
                         r"\d\d:\d\d:\d\d GMT(\n|$)")
        self.assertRegex(head, r"\nContent-Length: 4(\n|$)")
        self.assertEqual(body, "ha?\n")

    def test_curl_keeps_the_connection(self):
        with Daemon("--config_text=" + CONFIG) as daemon:
            answer = subprocess.run(
                ["curl", "-s", "--noproxy", "*", "-w", "%{num_connects} ",
                 daemon.url, daemon.url, daemon.url],
                capture_output=True, text=True, timeout=DEADLINE, check=True)
        self.assertEqual(answer.stdout, "ha?\n1 ha?\n0 ha?\n0 ")

    def test_one_connection_carries_many_requests(self):
        with Daemon("--config_text=" + CONFIG) as daemon:
            with daemon.connect() as connection:
                for _ in range(3):
                    connection.sendall(get("/"))
                    self.assertEqual(read_response(connection)[1], "ha?\n")

    def test_pipelined_requests_are_answered_in_order(self):
        with Daemon("--config_text=" + CONFIG) as daemon:
            with daemon.connect() as connection:
                connection.sendall(get("/") + get("/nowhere") + get("/"))
                statuses = [read_response(connection)[0][:12] for _ in range(3)]
        self.assertEqual(
            statuses, ["HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 200"])

    def test_the_message_shows_what_is_served(self):
        with Daemon("--config_text=" + CONFIG) as daemon:
            route = daemon.process.stdout.readline()
        self.assertEqual(route, '  /  GET, HEAD  200 text/plain "ha?\\n"\n')

    def test_trace_shows_the_system_calls(self):
        with Daemon("--config_text=" + CONFIG, "--trace") as daemon:
            with daemon.connect() as connection:
                connection.sendall(get("/"))
                read_response(connection)
            daemon.process.terminate()
            daemon.end()
        self.assertRegex(daemon.stderr, r'(?m)^recv\(\d+, "GET / HTTP.* = \d+$')
        self.assertRegex(daemon.stderr,
                         r'(?m)^send\(\d+, "HTTP/1.1 200.* = \d+$')
        self.assertNotIn("clock_gettime", daemon.stderr)


class EndTest(unittest.TestCase):

    def test_signals_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), Daemon("--config_text=" + CONFIG) as daemon:
                daemon.process.send_signal(number)
                self.assertEqual(daemon.end(), 0)
                self.assertEqual(daemon.stderr, "")

    def test_a_hang_up_does_not_end_it(self):
        with Daemon("--config_text=" + CONFIG) as daemon:
            daemon.process.send_signal(signal.SIGHUP)
            with daemon.connect() as connection:
                connection.sendall(get("/"))
                self.assertEqual(read_response(connection)[1], "ha?\n")
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.end(), 0)
        self.assertIn("SIGHUP", daemon.stderr)

    def test_an_idle_connection_does_not_hold_it_up(self):
        with Daemon("--config_text=" + PATIENT_CONFIG) as daemon:
            with daemon.connect() as connection:
                connection.sendall(get("/"))
                read_response(connection)
                daemon.process.terminate()
                self.assertEqual(daemon.end(), 0)
                self.assertEqual(connection.recv(1), b"")

    def test_a_request_that_has_begun_is_answered_first(self):
        with Daemon("--config_text=" + PATIENT_CONFIG) as daemon:
            with daemon.connect() as connection:
                # The answer to the first shows that the second has begun.
                connection.sendall(get("/") + b"GET / HTTP/1.1\r\n")
                read_response(connection)
                daemon.process.terminate()
                wait_until_it_drains(daemon)
                connection.sendall(b"Host: a\r\n\r\n")
                head, body = read_response(connection)
                self.assertIn("\r\nConnection: close\r\n", head)
                self.assertEqual(body, "ha?\n")
                self.assertEqual(daemon.end(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        with Daemon("--config_text=" + PATIENT_CONFIG) as daemon:
            with daemon.connect() as connection:
                connection.sendall(get("/") + b"GET / HTTP/1.1\r\n")
                read_response(connection)
                daemon.process.terminate()
                wait_until_it_drains(daemon)
                daemon.process.send_signal(signal.SIGINT)
                self.assertEqual(daemon.end(), 0)


class WorkersTest(unittest.TestCase):

    CONFIG = CONFIG + ' admin { address: "127.0.0.1:0" } workers: 2 '

    def metric(self, admin, name):
        """The values of a metric's samples, added up."""
        answer = subprocess.run(
            ["curl", "-sf", "--noproxy", "*", admin],
            capture_output=True, text=True, timeout=DEADLINE, check=True)
        values = re.findall(rf"(?m)^{name}\{{[^}}]*\}} (\d+)$", answer.stdout)
        self.assertTrue(values, answer.stdout)
        return sum(map(int, values)), len(values)

    def wait_for_metric(self, admin, name, value):
        """It is counted when an answer is on its way."""
        deadline = time.monotonic() + DEADLINE
        while self.metric(admin, name)[0] != value:
            self.assertLess(time.monotonic(), deadline, name)

    def test_two_workers_serve_and_count_and_end(self):
        with tempfile.TemporaryDirectory() as directory:
            log = pathlib.Path(directory, "access.log")
            with Daemon("--config_text=" + self.CONFIG +
                        f'access_log {{ path: "{log}" }}') as daemon:
                daemon.process.stdout.readline()
                admin = daemon.process.stdout.readline()
                admin = admin.removeprefix("admin: ").strip()
                tasks = os.listdir(f"/proc/{daemon.process.pid}/task")
                names = [
                    pathlib.Path(f"/proc/{daemon.process.pid}/task/{task}/comm")
                    .read_text().strip() for task in tasks]
                # The first is the main thread.
                self.assertIn("worker1", names)
                self.assertNotIn("worker2", names)
                for _ in range(40):
                    with daemon.connect() as connection:
                        for _ in range(2):
                            connection.sendall(get("/"))
                            self.assertEqual(read_response(connection)[1],
                                             "ha?\n")
                self.wait_for_metric(admin, "pollux_http_requests_total", 80)
                self.assertEqual(
                    self.metric(admin, "pollux_listener_accepted_total"),
                    (40, 2))
                daemon.process.terminate()
                self.assertEqual(daemon.end(), 0)
                self.assertEqual(daemon.stderr, "")
            lines = log.read_text().splitlines()
            self.assertEqual(len(lines), 80)
            for line in lines:
                self.assertRegex(line, r'^127\.0\.0\.1 - - \[.*\] '
                                 r'"GET / HTTP/1\.1" 200 \d+$')

    def test_each_address_is_shown_once(self):
        with Daemon("--config_text=" + self.CONFIG) as daemon:
            lines = [daemon.process.stdout.readline() for _ in range(2)]
            daemon.process.terminate()
            self.assertEqual(daemon.end(), 0)
        self.assertTrue(lines[0].startswith("  /  GET"), lines)
        self.assertTrue(lines[1].startswith("admin: http://"), lines)
        self.assertEqual(daemon.stdout, "")

    def test_a_port_in_use_is_refused(self):
        with Daemon("--config_text=" + self.CONFIG) as daemon:
            for workers in (1, 2):
                result = run(
                    "--config_text=listener { address: \"127.0.0.1:"
                    f"{daemon.port}\" }} workers: {workers} {ROUTE}")
                self.assertEqual(result.returncode, 1)
                self.assertEqual(
                    result.stderr, f"httpd: bind 127.0.0.1:{daemon.port}: "
                    "Address already in use\n")

    def test_a_second_signal_ends_all_at_once(self):
        with Daemon("--config_text=" + PATIENT_CONFIG + "workers: 2") as daemon:
            with contextlib.ExitStack() as stack:
                for _ in range(16):
                    connection = stack.enter_context(daemon.connect())
                    connection.sendall(get("/") + b"GET / HTTP/1.1\r\n")
                    read_response(connection)
                daemon.process.terminate()
                wait_until_it_drains(daemon)
                daemon.process.send_signal(signal.SIGINT)
                self.assertEqual(daemon.end(), 0)


class FlagsTest(unittest.TestCase):

    def assert_fails(self, result, *messages):
        """One line each, on stderr only."""
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), len(messages), result.stderr)
        for line, message in zip(lines, messages):
            self.assertTrue(line.startswith("httpd: "), line)
            self.assertIn(message, line)

    def test_check_says_it_with_its_exit_status(self):
        good = run("--check", "--config_text=" + CONFIG)
        self.assertEqual((good.returncode, good.stdout, good.stderr), (0, "", ""))
        self.assertEqual(run("--check").returncode, 0)
        self.assert_fails(run("--check", "--config_text=" + ROUTE), "no listener")

    def test_check_binds_nothing(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            config = f'listener {{ address: "127.0.0.1:{port}" }} {ROUTE}'
            self.assertEqual(run("--check", "--config_text=" + config).returncode,
                             0)

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            config = f'listener {{ address: "127.0.0.1:{port}" }} {ROUTE}'
            self.assert_fails(
                run("--config_text=" + config),
                f"bind 127.0.0.1:{port}: Address already in use")

    def test_an_unknown_field(self):
        self.assert_fails(run("--config_text=" + CONFIG + " lisstener {}"),
                          'did you mean "listener"?')

    def test_a_port_that_is_none(self):
        self.assert_fails(
            run('--config_text=listener { address: "127.0.0.1:99999" } ' + ROUTE),
            "99999")

    def test_two_listeners_on_one_port(self):
        listener = 'listener { address: "127.0.0.1:8080" } '
        self.assert_fails(run("--config_text=" + listener + listener + ROUTE),
                          "stands twice")

    def test_a_file_that_is_missing(self):
        self.assert_fails(run("--config=/nowhere/www.textproto"),
                          "/nowhere/www.textproto: no such file")

    def test_a_file_that_is_a_directory(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assert_fails(run("--config=" + directory),
                              f"{directory}: is a directory")

    def test_every_error_has_a_line(self):
        self.assert_fails(
            run('--config_text=workers: 257\nlistener { address: "a" }\n'
                'route { path: "b" fixed { status: 99 } }'),
            "--config_text:1:", "--config_text:2:", "--config_text:3:",
            "--config_text:3:")

    def test_an_empty_configuration_is_not_an_absent_one(self):
        result = run("--check", "--config_text=")
        self.assertEqual(result.returncode, 1)
        self.assertIn("listener", result.stderr)

    def test_two_configurations(self):
        self.assert_fails(run("--config=a", "--config_text=b"),
                          "exclude each other")

    def test_an_argument_that_is_no_flag(self):
        self.assert_fails(run("www.textproto"), 'what is "www.textproto"?')

    def test_a_warning_is_no_error(self):
        result = run("--check", "--config_text=" + CONFIG +
                     "\ntimeouts { idle: '5ms' }")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertTrue(result.stderr.startswith(
            "httpd: --config_text:2:12: warning: idle"), result.stderr)

    def test_dump_config_can_be_loaded_again(self):
        first = run("--dump_config", "--config_text=" + CONFIG)
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        self.assertIn('  max_head: "32KiB"  # default\n', first.stdout)
        again = run("--dump_config", "--config_text=" + first.stdout)
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assert_fails(run("--dump_config", "--config_text=" + ROUTE),
                          "no listener")

    def test_explain(self):
        result = run("--explain=max_head")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.startswith(
            'limits.max_head: string, default "32KiB"\n'), result.stdout)
        self.assert_fails(run("--explain=max_haed"),
                          "did you mean limits.max_head?")

    def test_a_relative_path_starts_where_the_user_stands(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "www.textproto").write_text(
                CONFIG + ' route { prefix: "/www/" files { root: "." } }')
            env = dict(os.environ, BUILD_WORKING_DIRECTORY=directory)
            with Daemon("--config=www.textproto", env=env) as daemon:
                with daemon.connect() as connection:
                    connection.sendall(get("/"))
                    self.assertEqual(read_response(connection)[1], "ha?\n")
                    connection.sendall(get("/www/www.textproto"))
                    self.assertTrue(
                        read_response(connection)[1].startswith(CONFIG))
            del env["BUILD_WORKING_DIRECTORY"]
            self.assert_fails(run("--config=www.textproto", env=env),
                              "www.textproto: no such file")


if __name__ == "__main__":
    unittest.main()
