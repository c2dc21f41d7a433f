"""Vietnamese names in an SDMX structure, which pysdmx 1.21 writes in one language: English.

Standard: SDMX-ML 3.0, where an artefact has one `Name` for each language.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from dx_pipeline.declarations.document import Bilingual

SDMX = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0"
PREFIXES = {
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "mes": f"{SDMX}/message",
    "str": f"{SDMX}/structure",
    "com": f"{SDMX}/common",
}
NAME = f"{{{PREFIXES['com']}}}Name"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def add_vietnamese(path: Path, names: Mapping[str, tuple[Bilingual, Mapping[str, Bilingual]]]) -> None:
    """Put Vietnamese names in front of the English ones.

    Args:
        path: the structure as pysdmx writes it; it is written anew.
        names: the name of each artefact, and those of its items, by their ids.

    Raises:
        KeyError: an artefact or an item with a name is not among `names`.
    """
    for prefix, uri in PREFIXES.items():
        ET.register_namespace(prefix, uri)
    tree = ET.parse(path)  # noqa: S314 - our own file
    for artefact in list(tree.iter()):
        for owner in (artefact, *artefact) if artefact.get("agencyID") else ():
            if owner.find(NAME) is not None:
                title, items = names[artefact.attrib["id"]]
                vietnamese = ET.Element(NAME, {LANGUAGE: "vi"})
                vietnamese.text = title.vi if owner is artefact else items[owner.attrib["id"]].vi
                vietnamese.tail = owner.text  # the line's indentation
                owner.insert(0, vietnamese)
    tree.write(path, encoding="UTF-8", xml_declaration=True)
