"""What the operations of a compiled XLA program are made of, from its text."""

from __future__ import annotations

import re
from typing import NamedTuple

COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = .*? ([a-z][\w\-]*)\(")
SOURCE = re.compile(r'op_name="([^"]*)"')
CALLED = re.compile(r"(?:calls|to_apply)=%?([\w.\-]+)")
GIVEN = ("parameter", "constant", "tuple", "get-tuple-element")  # nothing is computed


class _Instruction(NamedTuple):
    name: str
    part: str  # opcode and the place in the traced function that it came from
    called: str | None  # the computation of a fusion


def operation_parts(program: str) -> dict[str, list[str]]:
    """By an instruction's name, its opcode and source; for a fusion those of everything that was fused."""
    computations: dict[str, list[_Instruction]] = {}
    current: list[_Instruction] = []
    for line in program.splitlines():
        if opened := COMPUTATION.match(line):
            current = computations.setdefault(opened[1], [])
        elif found := INSTRUCTION.match(line):
            name, opcode = found.groups()
            if opcode not in GIVEN:
                called = CALLED.search(line)
                current.append(_Instruction(name, _part(opcode, line), called[1] if called else None))
    return {
        instruction.name: [inner.part for inner in computations.get(instruction.called or "", [])] or [instruction.part]
        for instructions in computations.values()
        for instruction in instructions
    }


def _part(opcode: str, line: str) -> str:
    source = SOURCE.search(line)
    if opcode == "convolution" and source is None:
        # XLA rewrites the gradients of kernels to ordinary convolutions and drops where they came from; it keeps it
        # for the others.
        return "convolution_backward"
    return f"{opcode} {source[1]}" if source else opcode
