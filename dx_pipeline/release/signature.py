"""Signature: who published a release, by the Ed25519 key of the province (RFC 8032) over the manifest of each part.

The private key never enters the warehouse. The public key is declared in `assets/province.yaml`; with it anybody checks
a release offline, also without this program: `docs/how-to/sign-releases.md`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.province import Province
from dx_pipeline.errors import UsageError
from dx_pipeline.release.manifest import NAME, SIGNATURE

KEY = "DX_SIGNING_KEY"
"""The environment variable with the path of the private key, a PEM file."""


def sign(folder: Path, province: Province) -> None:
    """Sign the manifest of a part, if the province declares a key.

    Raises:
        UsageError: the private key is not there, cannot be read, or is not the one that is declared.
    """
    if province.public_key is None:
        return
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = os.environ.get(KEY)
    try:
        private = load_pem_private_key(Path(path or "").read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(f"{path} ({error})" if path else "") from error
    if not isinstance(private, Ed25519PrivateKey) or private.public_key() != province.verifying_key:
        raise _no_key(f"{path} (not the key of 'public_key')")
    (folder / SIGNATURE).write_bytes(private.sign((folder / NAME).read_bytes()))


def problems(folder: Path, province: Province) -> Iterator[Bilingual]:
    """Why the manifest of a part is not signed by the province, in one sentence, if it is not."""
    from cryptography.exceptions import InvalidSignature

    path, key = folder / SIGNATURE, province.verifying_key
    name = f"{folder.name}/{SIGNATURE}"
    if key is None and path.exists():
        yield Bilingual(
            vi=f"không kiểm tra được {name}: assets/province.yaml chưa khai báo 'public_key'.",
            en=f"{name} cannot be checked: assets/province.yaml declares no 'public_key'.",
        )
    elif key is not None and not path.is_file():
        yield Bilingual(vi=f"thiếu {name}: bản này chưa được ký.", en=f"{name} is missing: it is not signed.")
    elif key is not None:
        try:
            key.verify(path.read_bytes(), (folder / NAME).read_bytes())
        except InvalidSignature:
            yield Bilingual(
                vi=f"{name} không phải là chữ ký bằng khóa của tỉnh.", en=f"{name} is not by the key of the province."
            )


def _no_key(what: str) -> UsageError:
    named = f": {what}" if what else ""
    return UsageError(
        f"releases are to be signed, and {KEY} does not name the province's private key{named}: name its PEM file.",
        vi=f"bản công bố phải được ký, nhưng {KEY} không nêu khóa riêng của tỉnh{named}: hãy đặt đường dẫn tệp PEM.",
    )
