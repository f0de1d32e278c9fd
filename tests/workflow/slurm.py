"""A SLURM cluster of this machine alone, with two pretend GPUs, for as long as a test runs.

It needs root, Linux and Debian's packages slurm-wlm and munge. SLURM reads its configuration from /etc/slurm whatever a
process says, so that a machine with a configuration of its own is left alone. All processes and jobs are those started here.
"""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

CONFIGURATION = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")
NEEDED = ("munged", "munge", "slurmctld", "slurmd", "sbatch")
REQUIRED = "POLYPRUNE_REQUIRE_SLURM"
"""Environment variable: where it is set, tests fail for want of SLURM instead of being skipped."""
GPUS = 2
PR_SET_PDEATHSIG = 1
PATIENCE = 60.0
"""Seconds for daemons to answer, or to end."""

MARK = "# A test of polyprune's."
SLURM_CONF = """\
{mark}
ClusterName=polyprune
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MinJobAge=86400
KillWait=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}{gres} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


class Unusable(RuntimeError):
    """This machine cannot have a cluster. The message says why and what to do."""


def check_machine() -> None:
    """Raise `Unusable` where a cluster cannot be started, or must not be."""
    if os.geteuid() != 0:
        raise Unusable("SLURM's daemons want root: run the tests as root, in a container.")
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        raise Unusable(f"{', '.join(missing)} not found: apt-get install --no-install-recommends slurm-wlm munge")
    foreign = [path for path in _installed() if not _is_left_over(path)]
    if foreign:
        raise Unusable(f"{foreign[0]} exists: this machine has a SLURM of its own, which tests leave alone.")


def _installed() -> list[Path]:
    return [path for name in FILES if os.path.lexists(path := CONFIGURATION / name)]


def _is_left_over(path: Path) -> bool:
    """Whether a file of SLURM's is a link of a test's that was killed, and has no daemons any more."""
    if not path.is_symlink():
        return False
    folder = path.readlink().parent
    if (folder / FILES[0]).exists() and MARK not in (folder / FILES[0]).read_text(encoding="utf-8"):
        return False
    daemons = [process.info["name"] for process in psutil.process_iter(["name"])]
    return not {"slurmctld", "slurmd"} & set(daemons)


@contextmanager
def cluster(folder: Path) -> Iterator["Cluster"]:
    """A running cluster, ended with all its jobs and processes on leaving.

    Raises:
        Unusable: as `check_machine`.
        RuntimeError: the daemons do not answer; the message holds their logs.
    """
    check_machine()
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Cluster:
    """SLURM's daemons, their files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.has_gpus = False
        self.processes: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start what is needed and wait for the node to be idle."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self._configure()
        if not _munge_answers():
            self._start_munge()
        self._daemon("slurmctld", "-D", "-i")
        self._daemon("slurmd", "-D")
        self._await(lambda: self.ask("sinfo", "-h", "-o", "%T") == "idle", "the node to be idle")

    def stop(self) -> None:
        """End jobs, then daemons, and take the links away; nothing else is touched."""
        try:
            self.cancel_all()
        finally:
            for process in reversed(self.processes):
                _end(process)
            for name in FILES:
                link = CONFIGURATION / name
                if link.is_symlink() and link.readlink() == self.folder / name:
                    link.unlink()

    def cancel_all(self) -> None:
        """End all jobs, and wait for them."""
        subprocess.run(["scancel", "--me"], check=False)
        end = time.monotonic() + PATIENCE
        while self.jobs() and time.monotonic() < end:
            time.sleep(0.2)

    def ask(self, *command: str) -> str:
        """What a command of SLURM's prints; empty where it fails."""
        return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """The jobs in the queue, or those in some states (as squeue calls them), by their numbers."""
        wanted = [f"--states={','.join(states)}"] if states else []
        return self.ask("squeue", "-h", "-o", "%A", *wanted).split()

    def told(self, job: str) -> dict[str, str]:
        """What the controller remembers of a job, ended ones included: field -> value."""
        fields = self.ask("scontrol", "show", "job", "--oneliner", job).split()
        return dict(field.split("=", 1) for field in fields if "=" in field)

    def _configure(self) -> None:
        host = socket.gethostname().partition(".")[0]
        gpus = self._gpus()
        self.has_gpus = bool(gpus)
        settings = {
            "mark": MARK,
            "host": host,
            "ports": _free_ports(2),
            "folder": self.folder,
            "cpus": os.cpu_count(),
            "memory": psutil.virtual_memory().total // 2**20 * 9 // 10,
            "gres": f" Gres=gpu:{GPUS}" if gpus else "",
        }
        texts = {
            "slurm.conf": SLURM_CONF.format(**settings),
            "gres.conf": f"NodeName={host} Name=gpu File={gpus}\n" if gpus else "",
            "cgroup.conf": "CgroupAutomount=no\n",
        }
        CONFIGURATION.mkdir(exist_ok=True)
        for path in _installed():
            path.unlink()
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")
            (CONFIGURATION / name).symlink_to(self.folder / name)

    def _gpus(self) -> str:
        """Device files in the place of GPUs', which nobody opens; empty where such files cannot be made."""
        try:
            for number in range(GPUS):
                os.mknod(self.folder / f"nvidia{number}", stat.S_IFCHR | 0o600, os.makedev(195, number))
        except PermissionError:
            return ""
        return f"{self.folder}/nvidia[0-{GPUS - 1}]"

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        Path("/run/munge").mkdir(exist_ok=True)
        files = {"key-file": key, "pid-file": self.folder / "munged.pid", "seed-file": self.folder / "munged.seed"}
        self._daemon("munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in files.items()))
        self._await(_munge_answers, "munge")

    def _daemon(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}.out", "wb") as output:
            daemon = subprocess.Popen(
                command, stdout=output, stderr=output, start_new_session=True, preexec_fn=_end_with_parent
            )
        self.processes.append(daemon)

    def _await(self, answers, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not answers():
            dead = [process for process in self.processes if process.poll() is not None]
            if dead or time.monotonic() > end:
                logs = "".join(
                    f"\n{path.name}:\n{path.read_text(errors='replace')[-1500:]}"
                    for path in sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
                )
                raise RuntimeError(f"Waited in vain for {what}.{logs}")
            time.sleep(0.1)


def _end_with_parent() -> None:
    """Have this process end when the tests do, though they be killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _munge_answers() -> bool:
    made = subprocess.run(["munge", "-n"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return made.returncode == 0


def _free_ports(number: int) -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [server.getsockname()[1] for server in opened]
    for server in opened:
        server.close()
    return ports


def _end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
