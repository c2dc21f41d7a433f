"""`dx sample ARGUMENTS` and then `dx run`, which several pages begin with: done once, and the warehouse copied.

As a command: `python -S dx_sampled.py FOLDER SOCKET ARGUMENTS...`, where the folder keeps the warehouses.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import dx_client


def main() -> None:
    """Leave in the warehouse of the environment, or of this folder, what the two commands leave there."""
    folder, server, *arguments = sys.argv[1:]
    kept = Path(folder) / "_".join([*arguments, declarations()])
    with kept.with_name(f"{kept.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            made = kept.with_name(f"{kept.name}.made")
            environment = {**os.environ, "DX_WAREHOUSE": str(made)}
            for command in (["sample", *arguments], ["run"]):
                status = dx_client.run(server, command, str(Path.cwd()), environment, (0, 1, 2))
                if status:
                    sys.exit(status)
            made.rename(kept)
    shutil.copytree(kept, os.environ.get("DX_WAREHOUSE", "warehouse"), symlinks=True, dirs_exist_ok=True)


def declarations() -> str:
    """A digest of the declarations in this folder."""
    files = sorted(path for name in ("assets", "checks") for path in Path(name).rglob("*.*") if path.is_file())
    return sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()[:8]


if __name__ == "__main__":
    main()
