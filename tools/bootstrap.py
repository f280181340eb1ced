"""Prepare this checkout: find or fetch uv, then install what `uv.lock` says into `.venv`.

Standard library only, and readable by old Pythons, because it has to report to them that they are too old. When nothing
has changed since the last run it returns at once, so rarely needed modules are imported late. Every failure is one line
on stderr and exit code 1.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
STAMP = ROOT / ".venv" / ".collections-setup"
MINIMUM_PYTHON = (3, 11)
MINIMUM_UV = (0, 9)
UV_VERSION = "0.13.9"
# SHA-256 of that version's wheels, by system and machine.
UV_SHA256 = {
    "linux x86_64": "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "linux aarch64": "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "darwin arm64": "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    "darwin x86_64": "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
}
INDEX = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"


class SetupError(Exception):
    """Something is missing on this machine; the message says what and what to do."""


def main() -> None:
    """Set up, unless the last set-up is current; `--is-current` only reports that, by its exit code."""
    try:
        if sys.version_info < MINIMUM_PYTHON:
            hand_over_to_newer_python()
        wanted = fingerprint()
        current = STAMP.exists() and STAMP.read_text(encoding="ascii") == wanted
        if sys.argv[1:] == ["--is-current"]:
            sys.exit(0 if current else 1)
        if current and (ROOT / ".venv/bin/python").exists():
            return
        sync(find_uv() or fetch_uv())
        STAMP.write_text(wanted, encoding="ascii")
    except SetupError as error:
        sys.exit(f"setup: {error}")
    except KeyboardInterrupt:
        sys.exit("setup: interrupted; the next `make setup` resumes here")


def hand_over_to_newer_python() -> None:
    """Restart under a newer Python of this machine, the newest tested version first; SetupError if there is none."""
    for minor in (13, 12, 11, 14):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(newer, [newer, *sys.argv])
    needed = ".".join(map(str, MINIMUM_PYTHON))
    raise SetupError(
        f"Python {needed} or newer is needed, and {sys.executable} is {platform.python_version()}: "
        f"install python{needed} or newer"
    )


def fingerprint() -> str:
    """What an installation depends on: the lock file, every member's project file, and the Python."""
    digest = hashlib.sha256(sys.version.encode())
    members = ("", "contracts/", "benchmarks/")
    parents = ("services/*/", "services/lib/*/", "libraries/*/", "localstack/*/", "tools/*/", "tests/*/")
    for place in ("uv.lock", *[folder + "pyproject.toml" for folder in members + parents]):
        for path in sorted(ROOT.glob(place)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def find_uv() -> str:
    """A uv on this machine that can read our lock file; empty if there is none."""
    for candidate in (str(TOOLS / "uv" / "bin" / "uv"), shutil.which("uv")):
        if not candidate or not Path(candidate).exists():
            continue
        try:
            said = subprocess.check_output([candidate, "--version"], stderr=subprocess.DEVNULL).decode()
        except (OSError, subprocess.CalledProcessError):
            continue
        found = re.search(r"(\d+)\.(\d+)\.", said)
        if found and (int(found.group(1)), int(found.group(2))) >= MINIMUM_UV:
            return candidate
    return ""


def fetch_uv() -> str:
    """Install uv into `.tools/`: with pip where available, else by unpacking its wheel."""
    target = TOOLS / "uv"
    print(f"setup: fetching uv {UV_VERSION}", flush=True)
    shutil.rmtree(str(target), ignore_errors=True)
    if not install_by_pip(target):
        install_by_hand(target)
    return str(target / "bin" / "uv")


def install_by_pip(target: Path) -> bool:
    """Whether pip exists and succeeded; pip uses the registry that this machine is configured for."""
    import tempfile

    hashes = " ".join(f"--hash=sha256:{digest}" for digest in UV_SHA256.values())
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"uv=={UV_VERSION} {hashes}\n", encoding="ascii")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--only-binary=:all:"]
        pip += ["--no-deps", "--require-hashes", "--target", str(target), "-r", str(requirements)]
        done = subprocess.call(pip, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    return done and (target / "bin" / "uv").exists()


def install_by_hand(target: Path) -> None:
    """Fetch the wheel for this machine from the package registry, verify it, and unpack the program."""
    import io
    import json
    import zipfile
    from urllib.parse import urljoin

    machine = f"{platform.system().lower()} {platform.machine().lower()}"
    sha256 = UV_SHA256.get(machine)
    if sha256 is None:
        raise SetupError("no uv is available for {}: install uv {}.{} or newer".format(machine, *MINIMUM_UV))
    listing = json.loads(fetch("{}/uv/".format(INDEX.rstrip("/")), "application/vnd.pypi.simple.v1+json").decode())
    urls = [file["url"] for file in listing["files"] if file.get("hashes", {}).get("sha256") == sha256]
    if not urls:
        raise SetupError(f"the package registry {INDEX} has no uv {UV_VERSION} for {machine}")
    wheel = fetch(urljoin("{}/uv/".format(INDEX.rstrip("/")), urls[0]))
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise SetupError(f"the download of uv {UV_VERSION} has the wrong sha256")
    program = target / "bin" / "uv"
    program.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        program.write_bytes(archive.read(f"uv-{UV_VERSION}.data/scripts/uv"))
    program.chmod(0o755)


def fetch(url: str, accept: str = "*/*") -> bytes:
    """The content of a URL; SetupError when it cannot be fetched."""
    import urllib.error
    import urllib.request

    try:
        request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "collections-setup"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
            return bytes(content)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise SetupError(f"cannot reach the package registry ({url}): {reason}") from error


def sync(uv: str) -> None:
    """Install exactly what the lock file says, with a Python of this machine."""
    print("setup: installing what uv.lock says into .venv (the first time takes a minute or two)", flush=True)
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never", UV_PROJECT_ENVIRONMENT=str(ROOT / ".venv"))
    # A company's own certificate authority is in the system's store, not in uv's built-in list.
    if Path("/etc/ssl/certs/ca-certificates.crt").exists() or sys.platform == "darwin":
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    # An active virtual environment is not the one to install into.
    environment.pop("VIRTUAL_ENV", None)
    command = [uv, "sync", "--frozen", "--quiet", "--python", sys.executable, "--project", str(ROOT)]
    if sys.stderr.isatty():
        command.remove("--quiet")
    if subprocess.call(command, env=environment) != 0:
        fetch("{}/uv/".format(INDEX.rstrip("/")))  # says so if the reason is the network
        raise SetupError("uv could not install the packages; its message is above")


if __name__ == "__main__":
    main()
