"""The supervisor, on small real child processes: order, readiness, deaths, limits, no orphans."""

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from runtime.embedded.folder import DataFolder
from runtime.embedded.parts import EventKind, PartEvent, PartFailed, PartSpec
from runtime.embedded.supervisor import Supervisor
from runtime.faults import StackFault

WAIT_S = 20
SERVE = "import pathlib,sys,time; pathlib.Path(sys.argv[1]).touch(); print('hello', flush=True)\n"
FOREVER = "while True: time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


class Stage:
    """A supervisor on a fresh folder, with its events in a queue."""

    def __init__(self, root: Path) -> None:
        self.folder = DataFolder(root)
        self.folder.lock()
        self.events: queue.Queue[PartEvent] = queue.Queue()
        self.supervisor = Supervisor(self.folder, self.events.put)

    def part(
        self,
        name: str,
        *,
        code: str = SERVE + FOREVER,
        order: int = 0,
        restarts_max: int = 3,
        ready_ms_max: int = 15_000,
        stop_ms_max: int = 5_000,
    ) -> PartSpec:
        """Make a part that is ready when its file is there; each start begins without it."""
        file = self.folder.root / f"{name}.ready"
        return PartSpec(
            name=name,
            argv=(sys.executable, "-I", "-S", "-c", code, str(file)),
            ready=file.exists,
            prepare=lambda: file.unlink(missing_ok=True),
            order=order,
            restarts_max=restarts_max,
            ready_ms_max=ready_ms_max,
            stop_ms_max=stop_ms_max,
            mend="Turn it off and on.",
        )

    def wait_for(self, part: str, kind: EventKind) -> PartEvent:
        """Take events until this one comes."""
        while True:
            event = self.events.get(timeout=WAIT_S)
            if (event.part, event.kind) == (part, kind):
                return event

    def pid(self, name: str) -> int:
        """Read a part's pid file, as an outside killer would."""
        return int(self.folder.pid_file(name).read_text(encoding="utf-8"))


@pytest.fixture
def stage(tmp_path: Path) -> Generator[Stage]:
    """A stage that leaves nothing running."""
    made = Stage(tmp_path)
    yield made
    made.supervisor.stop()
    made.folder.unlock()


def test_parts_when_started_then_come_up_in_order(stage: Stage) -> None:
    """A later order starts only when the earlier is up; logs and pid files are there."""
    stage.supervisor.start([stage.part("late", order=5), stage.part("early")])
    kinds = [(event.part, event.kind) for event in list(stage.events.queue)]
    assert kinds == [("early", "starting"), ("early", "up"), ("late", "starting"), ("late", "up")]
    assert stage.pid("early") == stage.supervisor.pid("early")
    assert stage.folder.log_file("late").read_text(encoding="utf-8") == "hello\n"


def test_part_when_killed_then_is_restarted(stage: Stage) -> None:
    """A SIGKILL is told with its cause, and a new process takes the place."""
    stage.supervisor.start([stage.part("one")])
    first = stage.pid("one")
    os.kill(first, signal.SIGKILL)
    died = stage.wait_for("one", "died")
    assert died.detail == "killed by SIGKILL"
    assert stage.wait_for("one", "up").restarts == 1
    assert stage.supervisor.pid("one") not in {None, first}


def test_part_when_it_fails_at_the_first_start_then_says_log_tail_and_mend(stage: Stage) -> None:
    """The error names the log, its last lines and what to do, at once and without retries."""
    broken = stage.part("broken", code="print('no disk left', flush=True); raise SystemExit(3)")
    with pytest.raises(PartFailed) as raised:
        stage.supervisor.start([broken])
    message = str(raised.value)
    assert "exit status 3" in message
    assert "no disk left" in message
    assert str(stage.folder.log_file("broken")) in message
    assert "Turn it off and on." in message


def test_part_when_it_is_never_ready_then_fails_after_its_limit(stage: Stage) -> None:
    """A process that runs but never serves is ended."""
    mute = stage.part("mute", code="import time\n" + FOREVER, ready_ms_max=200)
    with pytest.raises(PartFailed, match="was not ready"):
        stage.supervisor.start([mute])
    assert stage.supervisor.pid("mute") is None


def test_part_when_its_program_is_missing_then_fails(stage: Stage) -> None:
    """A program that does not exist is a failed start like any other."""
    ghost = PartSpec(name="ghost", argv=("/nonexistent/program",), ready=lambda: False)
    with pytest.raises(PartFailed, match="ghost ended while it started"):
        stage.supervisor.start([ghost])


def test_part_when_it_dies_too_often_then_is_given_up(stage: Stage) -> None:
    """Restarts are bounded; after that the part stays down and says why."""
    short = SERVE + "time.sleep(0.2)"
    stage.supervisor.start([stage.part("weak", code=short, restarts_max=1)])
    gone = stage.wait_for("weak", "gave_up")
    assert "died 2 times" in gone.detail
    assert [str(failure) for failure in stage.supervisor.failures()] == [gone.detail]


def test_parts_when_stopped_then_end_in_reverse_order(stage: Stage) -> None:
    """The last order ends first, by SIGTERM, and pid files go."""
    stage.supervisor.start([stage.part("store"), stage.part("edge", order=9)])
    stage.supervisor.stop()
    stopped = [event for event in list(stage.events.queue) if event.kind == "stopped"]
    assert [event.part for event in stopped] == ["edge", "store"]
    assert {event.detail for event in stopped} == {"killed by SIGTERM"}
    assert not stage.folder.pid_file("edge").exists()


def test_part_when_deaf_then_is_killed_with_its_children(stage: Stage) -> None:
    """What ignores SIGTERM is killed after its limit, and so is what it started."""
    spawn = (
        "import subprocess,sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
    )
    stage.supervisor.start(
        [stage.part("deaf", code=DEAF + spawn + SERVE + FOREVER, stop_ms_max=300)]
    )
    parent = stage.pid("deaf")
    child = psutil.Process(int(stage.folder.log_file("deaf").read_text().split()[0]))
    stage.supervisor.stop()
    assert stage.wait_for("deaf", "stopped").detail == "killed by SIGKILL"
    assert not psutil.pid_exists(parent)
    assert _is_gone(child.pid)


def test_stop_when_a_part_is_still_starting_then_does_not_wait_for_it(stage: Stage) -> None:
    """Ctrl-C during a slow start ends it."""
    slow = stage.part("slow", code="import time\n" + FOREVER, ready_ms_max=600_000)
    keeper = stage.supervisor._add(slow)
    keeper.launch()
    stage.wait_for("slow", "starting")
    stage.supervisor.stop()
    assert not stage.folder.pid_file("slow").exists()


def test_folder_when_in_use_then_a_second_stack_is_refused(stage: Stage) -> None:
    """The message names the folder and the process that holds it."""
    with pytest.raises(StackFault, match=rf"in use by process {os.getpid()}"):
        DataFolder(stage.folder.root).lock()


def test_names_when_doubled_then_are_refused(stage: Stage) -> None:
    """Two parts of one name would share a log and a pid file."""
    with pytest.raises(ValueError, match="two parts"):
        stage.supervisor.start([stage.part("twin"), stage.part("twin")])


ORPHANS = """
import os, signal, sys
from pathlib import Path
from runtime.embedded.folder import DataFolder
from runtime.embedded.parts import PartSpec
from runtime.embedded.supervisor import Supervisor
folder = DataFolder(Path(sys.argv[1]))
folder.lock()
up = folder.root / "up"
code = f"import pathlib,time; pathlib.Path({str(up)!r}).touch(); time.sleep(600)"
argv = (sys.executable, "-c", code)
supervisor = Supervisor(folder, lambda event: None)
supervisor.start([PartSpec(name="left", argv=argv, ready=up.exists)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_supervisor_when_killed_then_leaves_no_part_behind(tmp_path: Path) -> None:
    """A SIGKILL of the supervisor takes its parts along."""
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS, str(tmp_path)],
        check=False,
        timeout=WAIT_S,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert done.returncode == -signal.SIGKILL
    assert _is_gone(int((tmp_path / "run" / "left.pid").read_text()))


def _is_gone(pid: int) -> bool:
    """Wait, bounded, until a process has ended, whether or not its new parent has taken note."""
    try:
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            psutil.wait_procs([process], timeout=0.05)
    except psutil.NoSuchProcess:
        return True
    return True
