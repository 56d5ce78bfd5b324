#!/usr/bin/env python3
"""Make the project's environment, .venv, from a hash-locked list; do nothing when it is up to date.

    scripts/setup.py serve           what serving needs
    scripts/setup.py test            that, and what the tests and linters need
    scripts/setup.py test --browser  that, and the programs the tests start (chromium, curl)

Only the standard library is used, and only words that an old Python can still parse, so that it can say it is
too old. The stamp in .venv is written last: an interrupted set-up has none, or an open mark, and is made anew.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "setup-stamp.json"
UNFINISHED = VENV / "setup-unfinished"
# The test list holds everything in the serving list, at the same versions (tests/packaging holds it to that).
LOCKS_COVERED = {"serve": ("serve",), "test": ("serve", "test")}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class SetupError(Exception):
    """A set-up that cannot go on; its text says what to do."""


def say(text):  # type: (str) -> None
    """Print one line, at once."""
    sys.stderr.write("setup: " + text + "\n")
    sys.stderr.flush()


def use_a_new_enough_python():  # type: () -> None
    """Hand over to a newer Python on the PATH if this one is too old."""
    if sys.version_info[:2] >= OLDEST:
        return
    for name in NEWER_NAMES:
        found = shutil.which(name)
        if found:
            os.execv(found, [found, *sys.argv])  # noqa: S606 (the same script, by a newer Python)
    raise SetupError(
        "Python {}.{} or newer is needed, and {} is {}.{}. Install one (sudo apt-get install python3.11 "
        "python3.11-venv, or a newer one), or name it: make setup PYTHON=/path/to/python3".format(
            *OLDEST, sys.executable, *sys.version_info[:2]
        )
    )


def run(command, lock=None, interruptible=True):  # type: (list[str], int | None, bool) -> int
    """Run a command to its end and return its status; when this process is told to stop, stop it first.

    The command gets a session of its own, so that all it started can be stopped with it. It keeps the lock open:
    should this process be killed outright, the next set-up waits until the command is through. A package manager
    is not interruptible: it is waited for, since half an installation of a system package is worse than a wait.
    """
    keep = () if lock is None else (lock,)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    process = subprocess.Popen(  # noqa: S603 (fixed commands)
        command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=keep, env=environment
    )
    try:
        return process.wait()
    except BaseException:
        if interruptible:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


def stop(number, _frame):  # type: (int, object) -> None
    """Leave as one who was told to stop: what is running is ended by `run` on the way out."""
    raise SystemExit(128 + number)


def take_lock():  # type: () -> int
    """Wait for any other set-up of this folder. The lock is on the folder itself, and ends with the process."""
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another set-up of this folder")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:
        say("this file system has no locks: do not run two set-ups at once")
    return lock


def lock_file(name):  # type: (str) -> Path
    """The hash-locked list of this name."""
    return ROOT / "requirements" / (name + ".txt")


def digest(name):  # type: (str) -> str
    """What the stamp knows a list by."""
    return hashlib.sha256(lock_file(name).read_bytes()).hexdigest()


def environment_version():  # type: () -> str | None
    """The version that the environment's interpreter gives, or None if it does not run."""
    command = [str(PYTHON), "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def finished():  # type: () -> dict[str, str]
    """Which lists are installed, by name; empty if the environment has to be made anew."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    version = environment_version()
    asked = os.environ.get("TWINLOCK_PYTHON_ASKED_FOR")
    here = "{}.{}".format(*sys.version_info[:2])
    whole = (
        isinstance(stamp, dict)
        and not UNFINISHED.exists()
        # An environment holds absolute paths: one that was moved or copied is made anew.
        and stamp.get("folder") == str(ROOT)
        and stamp.get("python") == version
        and (not asked or version == here)
        and (VENV / "bin" / "gunicorn").exists()
        and isinstance(stamp.get("lists"), dict)
    )
    return stamp["lists"] if whole else {}


def up_to_date(target):  # type: (str) -> bool
    """Whether everything the target needs is installed."""
    lists = finished()
    return bool(lists) and lists.get(target) == digest(target)


def on_debian():  # type: () -> bool
    """Whether this is Debian, Ubuntu or one of their kin."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return False
    words = " ".join(line.split("=", 1)[1] for line in lines if line.startswith(("ID=", "ID_LIKE=")))
    return bool({"debian", "ubuntu"} & set(words.replace('"', "").split())) and bool(shutil.which("apt-get"))


def install_system_packages(packages):  # type: (list[str]) -> None
    """Install by apt-get as root on Debian and Ubuntu; otherwise say what is to be installed, and stop."""
    by_hand = "sudo apt-get install " + " ".join(packages)
    if not on_debian():
        raise SetupError("please install these, by the names your system has for them: " + ", ".join(packages))
    if os.geteuid() != 0:
        raise SetupError("please install what is missing, then try again:\n\n    " + by_hand + "\n")
    say("installing " + ", ".join(packages) + " with apt-get")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    if run([*apt, "update"], interruptible=False):
        say("apt-get update failed; trying with the lists there are")
    if run([*apt, "install", "-y", "--no-install-recommends", *packages], interruptible=False):
        raise SetupError("apt-get could not install " + " ".join(packages) + "; please install by hand: " + by_hand)


def ensure_venv_module():  # type: () -> None
    """Debian and Ubuntu keep `ensurepip`, without which no environment has pip, in a package of its own."""
    check = [sys.executable, "-c", "import ensurepip, venv"]
    if subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode == 0:  # noqa: S603
        return
    of_the_system = os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3")
    version = "" if of_the_system else f".{sys.version_info[1]}"
    install_system_packages(["python3" + version + "-venv"])


def make_environment(lock):  # type: (int) -> None
    """Make .venv from nothing."""
    ensure_venv_module()
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        say("removing an unfinished or outdated .venv")
        shutil.rmtree(VENV)
    VENV.mkdir()
    UNFINISHED.touch()
    say("making .venv with Python {}.{}.{}".format(*sys.version_info[:3]))
    if run([sys.executable, "-m", "venv", str(VENV)], lock):
        raise SetupError("the environment could not be made (see above)")


def install(target, lock):  # type: (str, int) -> None
    """Bring .venv up to the target's list, and put the stamp under it."""
    lists = dict(finished())
    if not lists:
        make_environment(lock)
    UNFINISHED.touch()
    packages = sum(line[:1].isalnum() for line in lock_file(target).read_text().splitlines())
    say(f"installing requirements/{target}.txt ({packages} pinned packages)")
    # The machine's own pip configuration says from where. Wheels only: nothing is compiled here.
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    pip += ["--require-hashes", "--only-binary", ":all:", "-r", str(lock_file(target))]
    if run(pip, lock):
        raise SetupError("pip could not install requirements/" + target + ".txt (see above)")
    lists.update((name, digest(name)) for name in LOCKS_COVERED[target])
    stamp = {"folder": str(ROOT), "python": environment_version(), "lists": lists}
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp, indent=1) + "\n")
    fresh.replace(STAMP)
    UNFINISHED.unlink()


def works(program):  # type: (str) -> bool
    """Whether a program is there and runs: Ubuntu's chromium-browser may be a mere note that a snap is wanted."""
    found = shutil.which(program)
    if not found:
        return False
    command = [found, "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def playwright_has_a_browser():  # type: () -> bool
    """Whether Playwright has a browser of its own."""
    code = (
        "import os, playwright.sync_api as p\n"
        "with p.sync_playwright() as it: raise SystemExit(not os.path.exists(it.chromium.executable_path))"
    )
    check = [str(PYTHON), "-c", code]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0  # noqa: S603


def ensure_programs():  # type: () -> None
    """Install the programs that the tests start, as far as they are missing."""
    missing = [] if works("curl") else ["curl"]
    browser = any(works(name) for name in BROWSERS) or playwright_has_a_browser()
    is_ubuntu = on_debian() and "ID=ubuntu" in Path("/etc/os-release").read_text().splitlines()
    if not browser and not is_ubuntu:
        missing.append("chromium")
    if missing:
        install_system_packages(missing)
    if browser or not is_ubuntu:
        return
    # Ubuntu has Chromium as a snap only, which no container and no build machine can run.
    command = [str(PYTHON), "-m", "playwright", "install", "--with-deps", "chromium"]
    if os.geteuid() != 0:
        raise SetupError("a browser is missing; please run: sudo " + " ".join(command))
    if run(command, interruptible=False):
        raise SetupError("no browser could be installed; please run: sudo " + " ".join(command))


def main(arguments):  # type: (list[str]) -> None
    """Bring the environment up to what was asked for."""
    target = arguments[0] if arguments else ""
    if target not in LOCKS_COVERED or arguments[1:] not in ([], ["--browser"]):
        raise SetupError("usage: setup.py serve | test [--browser]")
    use_a_new_enough_python()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if not up_to_date(target):
        if not os.access(str(ROOT), os.W_OK):
            raise SetupError(
                "the project folder cannot be written to, and .venv has to be made in it: " + str(ROOT) + "\n"
                "Copy the project to a folder that is yours, or make this one writable."
            )
        lock = take_lock()
        # Somebody else may have done it while this one waited.
        if not up_to_date(target):
            install(target, lock)
        os.close(lock)
    if "--browser" in arguments:
        ensure_programs()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (SetupError, OSError) as error:
        say(str(error))
        raise SystemExit(1) from None
