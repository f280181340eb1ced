"""Compiles a folder's modules: `python compiler.py FOLDER TASK_ROOT`, run by the Python that the modules are for.

It imports nothing but the standard library, for that Python knows nothing else. Not `compileall`: what that writes also
depends on what the process compiled before, by which equal constants the compiler happened to share.
"""

import gc
import importlib.util
import marshal
import sys
import warnings
from pathlib import Path

#: PEP 552: the module is known by its source's hash (bit 0), which nobody checks (no bit 1).
UNCHECKED_HASH = (1).to_bytes(4, "little")
#: The last format of marshal that writes every object out and none as a reference to an equal one.
WITHOUT_REFERENCES = 2


def compiled(source: bytes, path: str) -> bytes:
    """The `.pyc` of a source, the same for the same source and path. Raises SyntaxError, ValueError."""
    code = compile(source, path, "exec", dont_inherit=True)
    # Taken apart and put together again, so that only interned strings are shared: those always are.
    apart = marshal.loads(marshal.dumps(code, WITHOUT_REFERENCES))  # noqa: S302 - our own bytes of a moment ago
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source) + marshal.dumps(apart)


def compile_folder(folder: Path, root: str) -> None:
    """Write the `.pyc` of every module; files that are no Python for this version, such as templates, get none."""
    for file in sorted(folder.rglob("*.py")):
        source = file.read_bytes()
        try:
            content = compiled(source, f"{root}/{file.relative_to(folder).as_posix()}")
        except (SyntaxError, ValueError):
            continue
        cache = Path(importlib.util.cache_from_source(str(file)))
        cache.parent.mkdir(exist_ok=True)
        cache.write_bytes(content)


if __name__ == "__main__":
    gc.disable()  # nothing here lives long
    warnings.simplefilter("ignore")  # other people's invalid escapes
    compile_folder(Path(sys.argv[1]), sys.argv[2])
