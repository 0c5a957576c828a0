"""What a program does that wants out of its walls, one system call each. An entry point: prints each attack's outcome.

    python -m tests.support.server.attacks FOLDER [nobody] [unconfined] [no-landlock] [no-namespace] [untraceable]

The attacker is forked, as a trial is, by a process of the same user, whose files, memory and environment it is after.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import platform
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import orjson

from server.confinement import kernel, landlock, walls

REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS)  # of the filter, of Landlock, of the filter's missing calls
NOBODY = 65534
VICTIM, SECRET = "victim", "secret"
RESULT_DESCRIPTOR = 1
X32_GETPID = 0x40000000 | 39
libc = ctypes.CDLL(None, use_errno=True)
at = 0 if platform.machine() == "x86_64" else 1
N = {
    name: numbers[at]
    for name, numbers in {
        "clone": (56, 220), "clone3": (435, 435), "openat2": (437, 437), "creat": (85, -1), "mknodat": (259, 33),
        "utimensat": (280, 88), "fchmodat": (268, 53), "fchmodat2": (452, 452), "fchownat": (260, 54),
        "linkat": (265, 37), "symlinkat": (266, 36), "renameat2": (316, 276), "unlinkat": (263, 35),
        "copy_file_range": (326, 285), "sendfile": (40, 71), "splice": (275, 76), "vmsplice": (278, 75),
        "tee": (276, 77), "pwrite64": (18, 68), "pwritev": (296, 70), "pwritev2": (328, 287), "fsync": (74, 82),
        "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "tkill": (200, 130), "kcmp": (312, 272),
        "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434),
        "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "ptrace": (101, 117),
        "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
        "process_mrelease": (448, 448), "get_robust_list": (274, 100), "move_pages": (279, 239), "setsid": (112, 157),
        "setpgid": (109, 154), "setpriority": (141, 140), "getpriority": (140, 141), "ioprio_set": (251, 30),
        "sched_setscheduler": (144, 119), "sched_setattr": (314, 274), "socket": (41, 198), "socketpair": (53, 199),
        "io_uring_setup": (425, 425), "memfd_create": (319, 279), "memfd_secret": (447, 447), "execveat": (322, 281),
        "execve": (59, 221), "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241),
        "keyctl": (250, 219), "add_key": (248, 217), "msgget": (68, 186), "shmget": (29, 194), "semget": (64, 190),
        "mq_open": (240, 180), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
        "chroot": (161, 51), "pivot_root": (155, 41), "fsopen": (430, 430), "open_tree": (428, 428),
        "mount_setattr": (442, 442), "personality": (135, 92), "setuid": (105, 146), "setgid": (106, 144),
        "setgroups": (116, 159), "setrlimit": (160, 164), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
        "timer_create": (222, 107), "setitimer": (38, 103), "seccomp": (317, 277), "flock": (73, 32),
        "landlock_create_ruleset": (444, 444), "quotactl": (179, 60), "syslog": (103, 116), "acct": (163, 89),
        "init_module": (175, 105), "setdomainname": (171, 162), "sethostname": (170, 161), "adjtimex": (159, 171),
        "settimeofday": (164, 170), "swapon": (167, 224), "kexec_load": (246, 104), "iopl": (172, -1),
        "chdir": (80, 49), "mlock": (149, 228), "fallocate": (285, 47),
        "ftruncate": (77, 46), "truncate": (76, 45), "msync": (26, 227),
        "setxattr": (188, 5), "fsetxattr": (190, 7), "lsetxattr": (189, 6), "removexattr": (197, 14),
        "cachestat": (451, 451), "capset": (126, 91), "pkey_alloc": (330, 289), "epoll_create1": (291, 20),
        "remap_file_pages": (216, 234), "set_mempolicy_home_node": (450, 450), "vhangup": (153, 58), "sync": (162, 81),
    }.items()
}  # fmt: skip


def ask(name: str, *arguments: object) -> int:
    """One raw system call. Raises OSError; a call that this machine does not have counts as missing."""
    if N[name] < 0:
        raise OSError(errno.ENOSYS, "no such call here")
    return kernel.ask(N[name], *arguments)


class Attacker:
    """Knows its parent, and a folder with a file to destroy and one to read."""

    def __init__(self, folder: Path) -> None:
        self.parent = os.getppid()
        self.folder = folder
        self.victim = str(folder / VICTIM).encode()
        self.secret = folder / SECRET
        self.writable = os.open(self.victim, os.O_RDWR)  # as if one had been left open
        self.readable = os.open(self.victim, os.O_RDONLY)
        self.pipe = os.pipe()
        os.write(self.pipe[1], b"x" * 64)
        self.buffer = ctypes.create_string_buffer(4096)
        self.iovec = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(self.buffer), 8))

    def new(self, name: str) -> bytes:
        """The path of a file that is not there."""
        return str(self.folder / name).encode()

    def write_through_a_shared_mapping(self) -> None:
        with mmap.mmap(os.open(self.victim, os.O_RDWR), 4) as mapped:
            mapped[:4] = b"evil"

    def open_by_how(self) -> None:
        how = ctypes.create_string_buffer(struct.pack("=QQQ", os.O_RDWR, 0, 0))
        ask("openat2", -100, self.victim, how, 24)

    def signal_by_queue(self) -> None:
        info = ctypes.create_string_buffer(struct.pack("=iii", 0, 0, -1) + bytes(116))
        ask("rt_sigqueueinfo", self.parent, 0, info)

    def signal_a_thread_by_queue(self) -> None:
        info = ctypes.create_string_buffer(struct.pack("=iii", 0, 0, -1) + bytes(116))
        ask("rt_tgsigqueueinfo", self.parent, self.parent, 0, info)

    def fork(self, flags: int = signal.SIGCHLD) -> None:
        if ask("clone", flags, 0, 0, 0, 0) == 0:
            os._exit(0)

    def limit_the_parent(self) -> None:
        kernel.ask((302, 261)[at], self.parent, 7, 0, self.buffer)

    def limit_itself_anew(self) -> None:
        limits = ctypes.create_string_buffer(struct.pack("=QQ", 64, 64))
        kernel.ask((302, 261)[at], 0, 7, limits, 0)

    def fcntl(self, command: int, value: int = 0, descriptor: int | None = None) -> None:
        kernel.ask((72, 25)[at], self.pipe[0] if descriptor is None else descriptor, command, value)

    def ioctl(self, command: int) -> None:
        kernel.ask((16, 29)[at], 0, command, self.buffer)

    def prctl(self, option: int, value: int = 0) -> None:
        kernel.prctl(option, value)

    def attacks(self) -> dict[str, Callable[[], object]]:
        """What is tried, by name. Whatever of it reaches the kernel harms nobody but the victim's file."""
        nowhere, me = self.new("not there"), self.parent
        return {
            # files, through a name
            "open(O_RDWR)+mmap(MAP_SHARED)": self.write_through_a_shared_mapping,
            "open(O_WRONLY)": lambda: os.open(self.victim, os.O_WRONLY),
            "open(O_WRONLY|O_APPEND)": lambda: os.open(self.victim, os.O_WRONLY | os.O_APPEND),
            "open(O_TRUNC)": lambda: os.open(self.victim, os.O_TRUNC),
            "open(O_CREAT)": lambda: os.open(self.new("created"), os.O_CREAT),
            "open(O_CREAT|O_EXCL)": lambda: os.open(self.new("created 2"), os.O_CREAT | os.O_EXCL),
            "open(O_TMPFILE)": lambda: os.open(self.folder, os.O_TMPFILE | os.O_RDWR),
            "open(accmode 3)": lambda: os.open(self.victim, 3),
            "creat": lambda: ask("creat", self.new("created 3"), 0o600),
            "openat2": self.open_by_how,
            "truncate": lambda: ask("truncate", self.victim, 1),
            "mknod": lambda: ask("mknodat", -100, self.new("fifo"), 0o010600, 0),
            "mkdir": lambda: (self.folder / "folder").mkdir(),
            "utimensat": lambda: ask("utimensat", -100, self.victim, 0, 0),
            "utime": lambda: os.utime(self.victim, (1, 1)),
            "setxattr": lambda: ask("setxattr", self.victim, b"user.a", b"b", 1, 0),
            "lsetxattr": lambda: ask("lsetxattr", self.victim, b"user.b", b"b", 1, 0),
            "removexattr": lambda: ask("removexattr", self.victim, b"user.a"),
            "chmod": lambda: ask("fchmodat", -100, self.victim, 0o600),
            "fchmodat2": lambda: ask("fchmodat2", -100, self.victim, 0o600, 0),
            "chown": lambda: ask("fchownat", -100, self.victim, os.getuid(), -1, 0),
            "link": lambda: ask("linkat", -100, self.victim, -100, self.new("linked"), 0),
            "symlink": lambda: ask("symlinkat", self.victim, -100, self.new("symlinked")),
            "rename": lambda: ask("renameat2", -100, nowhere, -100, self.new("renamed"), 0),
            "unlink": lambda: ask("unlinkat", -100, nowhere, 0),
            "name_to_handle_at": lambda: ask("name_to_handle_at", -100, self.victim, self.buffer, self.buffer, 0),
            "open_by_handle_at": lambda: ask("open_by_handle_at", self.readable, self.buffer, 0),
            "inotify": lambda: ask("inotify_init1", 0),
            "chdir": lambda: ask("chdir", b"/"),
            # files, through a descriptor that should not have been there
            "ftruncate": lambda: ask("ftruncate", self.writable, 2),
            "fallocate(PUNCH_HOLE)": lambda: ask("fallocate", self.writable, 3, 0, 1),
            "pwrite": lambda: ask("pwrite64", self.writable, b"evil", 4, 0),
            "pwritev": lambda: ask("pwritev", self.writable, self.iovec, 1, 0, 0),
            "pwritev2": lambda: ask("pwritev2", self.writable, self.iovec, 1, 0, 0, 0),
            "fsetxattr": lambda: ask("fsetxattr", self.writable, b"user.c", b"b", 1, 0),
            "copy_file_range": lambda: ask("copy_file_range", self.readable, 0, self.writable, 0, 1, 0),
            "sendfile": lambda: ask("sendfile", self.writable, self.readable, 0, 1),
            "splice": lambda: ask("splice", self.pipe[0], 0, self.writable, 0, 1, 0),
            "vmsplice": lambda: ask("vmsplice", self.pipe[1], self.iovec, 1, 0),
            "tee": lambda: ask("tee", self.pipe[0], self.pipe[1], 1, 2),
            "flock": lambda: ask("flock", self.readable, 6),
            "fsync": lambda: ask("fsync", self.writable),
            # the parent, by signals
            "kill(parent)": lambda: os.kill(me, 0),
            "kill(-1)": lambda: os.kill(-1, 0),
            "kill(0)": lambda: os.kill(0, 0),
            "kill(-group)": lambda: os.kill(-os.getpgrp(), 0),
            "tkill": lambda: ask("tkill", me, 0),
            "tgkill": lambda: kernel.ask((234, 131)[at], me, me, 0),
            "rt_sigqueueinfo": self.signal_by_queue,
            "rt_tgsigqueueinfo": self.signal_a_thread_by_queue,
            "pidfd_open": lambda: ask("pidfd_open", me, 0),
            "pidfd_send_signal": lambda: ask("pidfd_send_signal", self.readable, 0, 0, 0),
            "F_SETOWN": lambda: self.fcntl(8, me),
            "F_SETOWN_EX": lambda: kernel.ask((72, 25)[at], self.pipe[0], 15, self.buffer),
            "F_SETSIG": lambda: self.fcntl(10, signal.SIGUSR1),
            "F_SETFL(O_ASYNC)": lambda: self.fcntl(4, 0o20000),
            "F_NOTIFY": lambda: self.fcntl(1026, 2),
            "F_SETLEASE": lambda: self.fcntl(1024, 0, self.readable),
            "F_SETPIPE_SZ": lambda: self.fcntl(1031, 1 << 16),
            "FIOSETOWN": lambda: self.ioctl(0x8901),
            "FIOASYNC": lambda: self.ioctl(0x5452),
            "timer_create": lambda: ask("timer_create", 0, 0, self.buffer),
            "setitimer": lambda: ask("setitimer", 0, self.buffer, 0),
            # the parent, by its memory, descriptors and limits
            "ptrace": lambda: ask("ptrace", 0x4206, me, 0, 0),
            "process_vm_readv": lambda: ask("process_vm_readv", me, self.iovec, 1, self.iovec, 1, 0),
            "process_vm_writev": lambda: ask("process_vm_writev", me, self.iovec, 1, self.iovec, 1, 0),
            "process_madvise": lambda: ask("process_madvise", self.readable, self.iovec, 1, 20, 0),
            "process_mrelease": lambda: ask("process_mrelease", self.readable, 0),
            "move_pages": lambda: ask("move_pages", me, 0, 0, 0, self.buffer, 0),
            "pidfd_getfd": lambda: ask("pidfd_getfd", self.readable, 0, 0),
            "kcmp": lambda: ask("kcmp", me, me, 0, 0, 0),
            "get_robust_list": lambda: ask("get_robust_list", me, self.buffer, self.buffer),
            "prlimit64(parent)": self.limit_the_parent,
            "prlimit64(new limit)": self.limit_itself_anew,
            "setrlimit": lambda: ask("setrlimit", 7, ctypes.create_string_buffer(struct.pack("=QQ", 64, 64))),
            "setpriority(parent)": lambda: ask("setpriority", 0, me, 19),
            "getpriority(parent)": lambda: ask("getpriority", 0, me),
            "ioprio_set(parent)": lambda: ask("ioprio_set", 1, me, 0x4007),
            "sched_setaffinity(parent)": lambda: os.sched_setaffinity(me, os.sched_getaffinity(0)),
            "sched_setscheduler(parent)": lambda: ask("sched_setscheduler", me, 3, self.buffer),
            "sched_setattr(parent)": lambda: ask("sched_setattr", me, self.buffer, 0),
            # sessions and terminals
            "setsid": lambda: ask("setsid"),
            "setpgid": lambda: ask("setpgid", 0, 0),
            "TIOCSTI": lambda: self.ioctl(0x5412),
            "TIOCSCTTY": lambda: self.ioctl(0x540E),
            "TIOCSPGRP": lambda: self.ioctl(0x5410),
            "TIOCLINUX": lambda: self.ioctl(0x541C),
            "/dev/tty": lambda: os.open("/dev/tty", os.O_RDWR),
            # programs, processes, identities
            "fork": self.fork,
            "clone(CLONE_VM|CLONE_PARENT)": lambda: self.fork(0x8000 | signal.SIGCHLD),
            "clone(CLONE_NEWUSER)": lambda: self.fork(0x10000000 | signal.SIGCHLD),
            "clone3": lambda: ask("clone3", self.buffer, 0),
            "execve": lambda: ask("execve", nowhere, 0, 0),
            "execveat": lambda: ask("execveat", -100, nowhere, 0, 0, 0),
            "memfd_create": lambda: ask("memfd_create", b"x", 0),
            "unshare": lambda: ask("unshare", 0x10000000),
            "setns": lambda: ask("setns", self.readable, 0),
            "personality": lambda: ask("personality", 0xFFFFFFFF),
            "setuid": lambda: ask("setuid", os.getuid()),
            "setgid": lambda: ask("setgid", os.getgid()),
            "capset": lambda: ask("capset", self.buffer, self.buffer),
            "PR_SET_PDEATHSIG": lambda: self.prctl(1, 0),
            "PR_SET_DUMPABLE": lambda: self.prctl(4, 1),
            "PR_SET_PTRACER": lambda: self.prctl(0x59616D61, me),
            "PR_SET_CHILD_SUBREAPER": lambda: self.prctl(36, 1),
            # the network, other ways to others, and the kernel
            "socket(AF_INET)": lambda: ask("socket", 2, 1, 0),
            "socket(AF_INET6)": lambda: ask("socket", 10, 2, 0),
            "socket(AF_UNIX)": lambda: ask("socket", 1, 1, 0),
            "socket(AF_NETLINK)": lambda: ask("socket", 16, 3, 0),
            "socketpair": lambda: ask("socketpair", 1, 1, 0, self.buffer),
            "msgget": lambda: ask("msgget", 0x7FFFFFFF, 0),
            "shmget": lambda: ask("shmget", 0x7FFFFFFF, 4096, 0),
            "semget": lambda: ask("semget", 0x7FFFFFFF, 1, 0),
            "mq_open": lambda: ask("mq_open", b"x", 0, 0, 0),
            "io_uring_setup": lambda: ask("io_uring_setup", 0, self.buffer),
            "userfaultfd": lambda: ask("userfaultfd", 1),
            "bpf": lambda: ask("bpf", 0, 0, 0),
            "perf_event_open": lambda: ask("perf_event_open", 0, 0, -1, -1, 0),
            "keyctl": lambda: ask("keyctl", 0, -3, 0),
            "add_key": lambda: ask("add_key", 0, 0, 0, 0, -3),
            "seccomp": lambda: ask("seccomp", 2, 0, self.buffer),
            "landlock": lambda: ask("landlock_create_ruleset", 0, 0, 1),
            "epoll_create1": lambda: ask("epoll_create1", 0),
            "cachestat": lambda: ask("cachestat", self.readable, self.buffer, self.buffer, 0),
        }

    def readings(self) -> dict[str, Callable[[], object]]:
        """What is read that is nobody's business; only Landlock refuses a name."""
        return {
            "a file of the user's": self.secret.read_bytes,
            "its folder": lambda: os.listdir(self.folder),  # noqa: PTH208  a call, not a path
            "/etc/passwd": Path("/etc/passwd").read_bytes,
            "/proc": lambda: os.listdir("/proc"),  # noqa: PTH208
            "its own environment": Path("/proc/self/environ").read_bytes,
            "a file by way of the parent's root": Path(f"/proc/{self.parent}/root{self.secret}").read_bytes,
        }

    def tracings(self) -> dict[str, Callable[[], object]]:
        """What is read of the parent, which must be refused with Landlock or without."""
        proc = Path(f"/proc/{self.parent}")
        return {
            "the parent's environment": (proc / "environ").read_bytes,
            "the parent's memory": lambda: os.open(proc / "mem", os.O_RDONLY),
            "the parent's memory, to write": lambda: os.open(proc / "mem", os.O_RDWR),
            "the parent's maps": (proc / "maps").read_bytes,
            "the parent's descriptors": lambda: (proc / "fd" / "0").readlink(),
        }

    def confined_only(self) -> dict[str, Callable[[], object]]:
        """What root must not even try outside the walls."""
        null = (
            "mount",
            "umount2",
            "chroot",
            "pivot_root",
            "fsopen",
            "open_tree",
            "mount_setattr",
            "setgroups",
            "syslog",
        )
        more = ("acct", "init_module", "adjtimex", "settimeofday", "swapon", "kexec_load", "iopl", "fanotify_init")
        rest = ("quotactl", "mlock", "memfd_secret", "vhangup", "sync", "sethostname", "pkey_alloc", "remap_file_pages")
        return {name: (lambda name=name: ask(name, 0, 0, 0, 0, 0)) for name in (*null, *more, *rest)}  # type: ignore[misc]


def outcomes(attacks: dict[str, Callable[[], object]]) -> dict[str, str]:
    """The name of the error of each attack; "" for one that the walls let through."""
    found = {}
    for name, attack in attacks.items():
        try:
            attack()
        except OSError as error:
            found[name] = errno.errorcode[error.errno or 0] if error.errno in REFUSED else ""
        else:
            found[name] = ""
    return found


def main(folder: Path, *options: str) -> None:
    """Forks the attacker, waits for it, and answers with its status if it was killed."""
    if "nobody" in options:
        _become_nobody()
    if "no-landlock" in options:
        landlock.abi = lambda machine: 0
    if "no-namespace" in options:
        walls._leave_network = lambda: None
    with walls.untraceable() if "untraceable" in options else contextlib.nullcontext():
        if pid := os.fork():
            os._exit(-os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        _attack(folder, options)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    kernel.prctl(walls.SET_DUMPABLE, 1)  # as a process is that was nobody's from the start


def _attack(folder: Path, options: tuple[str, ...]) -> None:
    attacker = Attacker(folder)
    confined = "unconfined" not in options
    missing = walls.confine() if confined else ()
    if "x32" in options:
        kernel.ask(X32_GETPID)
    if "int80" in options:
        _of_32_bits()
    kinds = {
        "tracings": outcomes(attacker.tracings()),
        "readings": outcomes(attacker.readings()),
        "attacks": outcomes(attacker.attacks() | (attacker.confined_only() if confined else {})),
    }
    os.write(RESULT_DESCRIPTOR, orjson.dumps({"missing": missing, **kinds}))
    os._exit(0)


def _of_32_bits() -> None:
    """getpid as a program of 32 bits asks it: mov eax, 20; int 0x80; ret."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
