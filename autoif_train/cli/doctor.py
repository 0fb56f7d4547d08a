"""Versions, hardware and the sandbox level that this machine gives."""

from __future__ import annotations

from autoif_train.cli.arguments import Arguments, file_parser


def main(arguments: Arguments) -> None:
    from autoif_train.execution import Executor
    from autoif_train.versions import versions

    file_parser("doctor", "Show versions, hardware and the sandbox of this machine.").parse_args(arguments)
    for name, version in versions().items():
        print(f"{name:<16} {version}")
    with Executor(workers=1) as executor:
        print(f"{'sandbox':<16} {executor.report}")
