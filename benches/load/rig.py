"""What `compare` and `count` share: servers on one core, the load on another, what a server has cost so far."""

import contextlib
import json
import os
import pathlib
import platform
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOAD = ROOT / "target" / "load"
TERIMA = ROOT / "target" / "release" / "terima"
PATIENCE = 10  # seconds in which a server must be there, and a load that has had its time must be done

CONFIG = """\
[server]
workers = "auto" # one core, so one worker

[log]
access = {access}
format = "{format}"

[[listener]]
name = "bytes-echo"
address = "127.0.0.1:{bytes}"
codec = "bytes"
handler = "echo"

[[listener]]
name = "lines-echo"
address = "127.0.0.1:{lines}"
codec = "lines"
handler = "echo"
"""


class Failed(Exception):
    """The measurement is worth nothing; the message says why."""


class Cores:
    """The core of the servers and the core of the load."""

    def __init__(self, text):
        try:
            self.server, self.load = (int(core) for core in text.split(","))
        except ValueError:
            raise Failed(f"--cores takes two numbers, as in 0,1: {text!r}") from None
        allowed = os.sched_getaffinity(0)
        if self.server == self.load or not {self.server, self.load} <= allowed:
            raise Failed(f"--cores needs two different cores of {sorted(allowed)}: {text}")

    def leave_server_core(self):
        """Moves this process, and so every load that it starts, to the core of the load."""
        os.sched_setaffinity(0, {self.load})


class Server:
    """A server process, pinned to its core. It ends with the `with` block, however that is left."""

    def __init__(self, name, arguments, ports, cores, log):
        self.name = name
        self.ports = ports
        self._log = log
        with open(log, "wb") as stderr:
            self._process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={name: value for name, value in os.environ.items() if not name.startswith("TERIMA")},
                # Ctrl-C is for this script, which ends its children itself.
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {cores.server}),
            )
        self.pid = self._process.pid

    def __enter__(self):
        try:
            for port in set(self.ports.values()):
                self._await(port)
            self.processor_ns()
        except BaseException:
            self._end(signal.SIGKILL)
            raise
        return self

    def __exit__(self, *_):
        self._end(signal.SIGKILL)

    def drain(self):
        """Ends it as an operator would, so that it says what it still has to say."""
        self._end(signal.SIGTERM)

    def processor_ns(self):
        """Time on a core so far, of all its threads, once it has nothing left to do."""
        before = -1
        for _ in range(1000):
            now = self._running_ns()
            if now == before:
                return now
            before = now
            time.sleep(0.01)
        raise Failed(f"{self.name} does not come to rest")

    def resident_kib(self):
        for line in self._proc("status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise Failed(f"{self.name}: no VmRSS")

    def _running_ns(self):
        total = 0
        for task in self._proc("task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                total += int((task / "schedstat").read_text().split()[0])
        return total

    def _proc(self, name):
        if self._process.poll() is not None:
            raise Failed(f"{self.name} ended by itself: {self._last_words()}")
        return pathlib.Path("/proc", str(self.pid), name)

    def _await(self, port):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._proc("")
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
                return
            time.sleep(0.005)
        raise Failed(f"{self.name} does not listen on port {port}: {self._last_words()}")

    def _last_words(self):
        said = "" if self._log == os.devnull else pathlib.Path(self._log).read_text(errors="replace").strip()
        return "\n".join(said.splitlines()[-5:]) or f"exit status {self._process.poll()}, and it said nothing"

    def _end(self, how):
        end_child(self._process, how)


class Bench:
    """Makes servers and puts load on them."""

    def __init__(self, cores, directory):
        self._cores = cores
        self._directory = pathlib.Path(directory)
        self._made = 0

    def reference(self):
        (port,) = free_ports(1)
        return Server("reference", [LOAD, "echo", port], {"bytes": port, "lines": port}, self._cores, self._file("log"))

    def terima(self, binary, access=False, log=None):
        """A terima with default timeouts; with `access` it writes a JSON line per connection to `log`."""
        ports = dict(zip(("bytes", "lines"), free_ports(2)))
        config = self._file("toml")
        format = "json" if access else "text"
        config.write_text(CONFIG.format(access=str(access).lower(), format=format, **ports))
        log = log or (os.devnull if access else self._file("log"))
        return Server(str(binary), [binary, "run", "--config", config], ports, self._cores, log)

    def _file(self, ending):
        self._made += 1
        return self._directory / f"{self._made}.{ending}"


@contextlib.contextmanager
def bench(cores):
    """A bench whose files are gone at the end. SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cores.leave_server_core()
    with tempfile.TemporaryDirectory(prefix="terima-bench-") as directory:
        yield Bench(cores, directory)


def start_load(mode, port, *arguments):
    return subprocess.Popen(
        [str(LOAD), mode, "127.0.0.1", str(port), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish_load(load, seconds):
    """What the load says; it must have seen every byte come back right."""
    try:
        out, err = load.communicate(timeout=seconds + PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failed("the load does not end") from None
    finally:
        end_child(load, signal.SIGKILL)
    if not out:
        raise Failed(f"the load failed with status {load.returncode}: {err.strip()}")
    said = json.loads(out)
    if said["errors"] or said["bad"] or load.returncode:
        raise Failed(f"the load saw errors: {out.strip()} {err.strip()}")
    return said


def end_child(process, how):
    """Ends one child, by its own process id, and collects it."""
    if process.poll() is None:
        process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PATIENCE)
    if process.poll() is None:
        process.kill()
    process.wait()


def build_load():
    source = ROOT / "benches" / "load" / "load.c"
    LOAD.parent.mkdir(exist_ok=True)
    if LOAD.exists() and LOAD.stat().st_mtime >= source.stat().st_mtime:
        return
    try:
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(LOAD), str(source)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failed(f"cannot build load.c: {error}") from None


def check_binary(path):
    path = pathlib.Path(path)
    if not os.access(path, os.X_OK) or path.is_dir():
        raise Failed(f"there is no binary {path}; cargo build --release makes one")
    return path.resolve()


def free_ports(count):
    """Ports that nobody has, below those that the system gives to outgoing connections: a load can't take one away."""
    first_outgoing = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = set()
    for _ in range(1000):
        port = random.randrange(1024, max(first_outgoing, 2048))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.add(port)
        if len(ports) == count:
            return ports
    raise Failed("there are no free ports")


def machine():
    """One line that says on what the figures were seen."""
    cpu = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    try:
        rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        rustc = "no rustc"
    return f"{cpu}, {os.cpu_count()} cores; Linux {platform.release()}; {rustc}"
