"""The machine and the versions that a result holds for."""

import os
import platform
import re
import ssl
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

_LIBRARIES = ("argon2-cffi", "cryptography", "flask", "gunicorn", "limits", "multipart", "werkzeug", "zipstream-ng")


def facts(data_dir: Path) -> dict[str, Any]:
    """What somebody needs to know who compares two results."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "load_average": os.getloadavg(),
        "data_dir": {
            "filesystem": filesystem(data_dir),
            "free_gib": round(psutil.disk_usage(str(data_dir)).free / 2**30, 1),
        },
    }


def filesystem(folder: Path) -> str:
    """The type of the file system that a folder lies on."""
    folder = folder.resolve()
    holding = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    return max(holding, key=lambda part: len(part.mountpoint)).fstype if holding else "unknown"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
