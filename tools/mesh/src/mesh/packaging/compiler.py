"""Compiles a folder's modules: `python compiler.py FOLDER TASK_ROOT`, run by the target's Python.

Standard library only, because that Python has nothing else. Not `compileall`: its output also depends on what the
process compiled before, through equal constants that the compiler happened to share.
"""

import gc
import importlib.util
import marshal
import sys
import warnings
from pathlib import Path

#: PEP 552: validated by the source's hash (bit 0), which is not checked (no bit 1).
UNCHECKED_HASH = (1).to_bytes(4, "little")
#: The last marshal format without references to equal objects.
WITHOUT_REFERENCES = 2


def compiled(source: bytes, path: str) -> bytes:
    """The `.pyc` of a source, the same for the same source and path. Raises SyntaxError, ValueError."""
    code = compile(source, path, "exec", dont_inherit=True)
    # Unmarshalled and marshalled again, so that only interned strings are shared: those always are.
    apart = marshal.loads(marshal.dumps(code, WITHOUT_REFERENCES))
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source) + marshal.dumps(apart)


def compile_folder(folder: Path, root: str) -> None:
    """Write the `.pyc` of every module; files that are not valid Python, such as templates, get none."""
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
    gc.disable()  # short-lived objects only
    warnings.simplefilter("ignore")  # invalid escapes in third-party code
    compile_folder(Path(sys.argv[1]), sys.argv[2])
