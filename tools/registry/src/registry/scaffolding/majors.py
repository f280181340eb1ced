"""`contracts new --major`: the next major of an event, and the upcaster from the one that it retires."""

from __future__ import annotations

import ast
import re

from registry.catalogue import Version
from registry.errors import ScaffoldError
from registry.scaffolding.draft import Draft
from registry.scaffolding.event_code import EventSpec
from registry.scaffolding.field_specs import TYPES, has_times
from registry.scaffolding.python_source import with_import, with_lines

_PACKAGE = "contracts/src/contracts"
_NEW_UPCASTERS = '''\
"""Old events of the {service} service, upcast to the current majors."""

from collections.abc import Mapping
from typing import Any

UPCASTERS = {{
}}
'''
_UPCASTER = '''\
def {snake}_v{old}(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Version {old} to {new}: {sentence}"""
    return {{**payload{values}}}


'''


def retire(draft: Draft, spec: EventSpec, before: Version) -> None:
    """Write the new major of the class, the retired one, and the upcaster between them.

    Raises:
        ScaffoldError: the class of the version before is not found, or the modules have another shape.
    """
    module = f"{_PACKAGE}/{spec.service}.py"
    source = draft.read(module)
    contract = _class_of(source, before.event_type, module)
    retired = f"{_PACKAGE}/retired.py"
    draft.write(retired, _with_retired(draft.read(retired), source, contract, spec))
    draft.write(module, _raised(source, contract, spec, before))
    upcasters = f"{_PACKAGE}/upcasters/{spec.service}.py"
    known = draft.read(upcasters) if draft.exists(upcasters) else None
    draft.write(upcasters, _with_upcaster(known or _NEW_UPCASTERS.format(service=spec.service), spec, before))
    if known is None:
        index = f"{_PACKAGE}/upcasters/__init__.py"
        text = with_import(draft.read(index), "contracts.upcasters", spec.service)
        draft.write(index, re.sub(r"(dict\[str, Any\]\]\] = \{)(.*)\}", rf"\1\2, **{spec.service}.UPCASTERS}}", text))


def _class_of(source: str, event_type: str, module: str) -> ast.ClassDef:
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(part, ast.AnnAssign) and isinstance(part.value, ast.Constant) and part.value.value == event_type
            for part in node.body
        ):
            return node
    raise ScaffoldError(f"{module} has no class of {event_type}")


def _with_retired(retired: str, source: str, contract: ast.ClassDef, spec: EventSpec) -> str:
    """The retired contracts with the class as it was, under its schema's title."""
    lines = source.splitlines(keepends=True)[contract.lineno - 1 : contract.end_lineno]
    name = f"{contract.name}V{spec.major - 1}"
    text = "".join(lines).replace(f"class {contract.name}(", f"class {name}(", 1)
    documentation = contract.body[0].end_lineno or contract.lineno
    if "model_config" not in text:
        at = documentation - contract.lineno + 2
        text = with_lines(text, at, f'\n    model_config = ConfigDict(title="{contract.name}")\n')
        retired = with_import(retired, "pydantic", "ConfigDict")
    for module, imported in _needed(source, contract, spec.service):
        retired = with_import(retired, module, imported)
    place = re.search(r"^CONTRACTS: tuple\[type\[Contract\], \.\.\.\] = \(", retired, re.MULTILINE)
    if place is None:
        raise ScaffoldError(f"{_PACKAGE}/retired.py has no `CONTRACTS`")
    end = retired.index(")", place.end())
    listed = f"{retired[place.end() : end].rstrip().rstrip(',')}, {name}"
    return f"{retired[: place.start()]}{text}\n\n{place[0]}{listed}{retired[end:]}"


def _needed(source: str, contract: ast.ClassDef, service: str) -> list[tuple[str, str]]:
    """(module, name) of what the class uses from its module: what the module imports or defines."""
    used = {node.id for node in ast.walk(contract) if isinstance(node, ast.Name)}
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names if alias.name in used]
        elif isinstance(node, ast.ClassDef) and node.name in used:
            found.append((f"contracts.{service}", node.name))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found += [(f"contracts.{service}", name) for name in names if name in used]
    return found


def _raised(source: str, contract: ast.ClassDef, spec: EventSpec, before: Version) -> str:
    """The module in which the class is the new major."""
    if taken := sorted({field.name for field in spec.fields} & set(_fields(contract))):
        raise ScaffoldError(f"{contract.name} has a field {', '.join(taken)} already")
    lines = source.splitlines(keepends=True)
    start, end = contract.lineno - 1, contract.end_lineno or contract.lineno
    text = "".join(lines[start:end]).replace(f'"{before.event_type}"', f'"{spec.event_type}"', 1)
    text = re.sub(r'(schema_version: ClassVar\[str\] = )"[0-9.]+"', rf'\1"{spec.version}"', text, count=1)
    text += "".join(f"    {field.declaration('Timestamp')}\n" for field in spec.fields)
    source = "".join([*lines[:start], text, *lines[end:]])
    return with_import(source, "contracts.contract", "Timestamp") if has_times(spec.fields) else source


def _fields(contract: ast.ClassDef) -> list[str]:
    return [n.target.id for n in contract.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]


def _with_upcaster(source: str, spec: EventSpec, before: Version) -> str:
    """The module with the step from the version before: new required fields get the example's value until somebody
    knows better."""
    place = source.find("UPCASTERS = {\n")
    if place < 0:
        raise ScaffoldError(f"{_PACKAGE}/upcasters/{spec.service}.py has no `UPCASTERS = {{`")
    required = [field for field in spec.fields if not field.optional]
    values = "".join(f', "{field.name}": {TYPES[field.type][1]!r}' for field in required)
    old = spec.major - 1
    step = _UPCASTER.format(snake=spec.snake, old=old, new=spec.major, sentence=_sentence(spec), values=values)
    end = source.index("}", place)
    entry = f'    "{before.event_type}": {spec.snake}_v{old},\n'
    return f"{source[:place]}{step}{source[place:end]}{entry}{source[end:]}"


def _sentence(spec: EventSpec) -> str:
    names = ", ".join(field.name for field in spec.fields if not field.optional)
    return f"TODO: what {names} was before." if names else "the same fields, with another meaning."
