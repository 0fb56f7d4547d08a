"""The interpreter as a compiled component: built once per machine, kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autoif_train.types import UserError

HERE = Path(__file__).parent
INSIDE = ("__init__", "admission", "calls", "codes", "modules")  # what the guest shares with a cell
BUILDER = "import sys; from componentize_py import script; sys.exit(script())"


def installed() -> bool:
    """Whether the packages of the extra `wasm` are there."""
    return all(importlib.util.find_spec(name) for name in ("wasmtime", "componentize_py"))


def version() -> str:
    """The version of the engine, which a built component belongs to."""
    return importlib.metadata.version("wasmtime")


def check() -> None:
    """Raises UserError where the extra is not installed."""
    if not installed():
        raise UserError("execution.level: the wasm sandbox is not installed; pip install -e '.[wasm]'")


def compiled() -> Path:
    """The machine code of the component, built where it is not there yet (about 20 s of CPU, 38 MB)."""
    path = _cache() / f"cell-{_fingerprint()}.cwasm"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _folder(path.parent) as folder:
        print(f"building the Python of the wasm sandbox, once for this machine: {path}", file=sys.stderr, flush=True)
        _build(folder)
        os.replace(folder / "cell.cwasm", path)  # whoever builds at the same time writes the same
    return path


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autoif_train"


def _sources() -> list[Path]:
    return [HERE / "cell.wit", HERE / "guest.py", *(HERE.parent / "inside" / f"{name}.py" for name in INSIDE)]


def _fingerprint() -> str:
    """Of whatever the machine code is made from."""
    parts = [importlib.metadata.version(name) for name in ("wasmtime", "componentize-py")]
    parts += [sys.platform, platform.machine(), platform.processor()]
    content = "\n".join(parts).encode() + b"".join(path.read_bytes() for path in _sources())
    return hashlib.sha256(content).hexdigest()[:16]


@contextlib.contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="building-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _build(folder: Path) -> None:
    (folder / "inside").mkdir()
    for source in _sources():
        shutil.copy(source, folder / "inside" if source.parent.name == "inside" else folder)
    command = [sys.executable, "-c", BUILDER, "--quiet", "--wit-path", "cell.wit", "--world", "cell"]
    command += ["componentize", "--python-path", ".", "--output", "cell.wasm", "guest"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the component of the wasm sandbox could not be built: {done.stderr.strip()}")
    import wasmtime.component

    from autoif_train.execution.wasm.host import engine

    component = wasmtime.component.Component(engine(), (folder / "cell.wasm").read_bytes())
    (folder / "cell.cwasm").write_bytes(component.serialize())
