"""Releases are sealed: whatever is changed in one, in the log beside it or in its signature is found."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deliveries import GROUPS, groups
from engine import Engine
from sealing import PARTS, alter_values, edit, seal_again

from dx_pipeline import release
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import ReleaseError, UsageError
from dx_pipeline.release import Published, datapackage, log, manifest, predecessor_id
from dx_pipeline.release.log import ReleaseLog
from dx_pipeline.release.verification import (
    ID_OF_OTHER_INPUTS,
    NOT_IN_LOG,
    NOT_SEALED,
    NOT_WHOLE,
    OTHER_SEALS,
    RECORD_CHANGED,
)
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import digest


def problems(sealed: Engine, path: Path) -> list[str]:
    return [each.en for each in release.problems(path, sealed.catalogue)]


def described(change: Callable[[dict[str, Any]], object], part: str = "public") -> Callable[[Path], None]:
    return lambda path: edit(path / part / "datapackage.json", change)


ATTACKS: dict[str, Callable[[Path], object]] = {
    "nothing is held back": described(lambda package: package["dx"].update(held_back=[])),
    "it is not synthetic": described(lambda package: package["dx"].update(synthetic="no")),
    "other inputs": described(lambda package: package["dx"]["inputs"].update(code_version="0" * 12)),
    "another version": described(lambda package: package.update(version="0" * 16)),
    "another id": described(lambda package: package["dx"].update(release_id="0" * 16)),
    "another predecessor": described(lambda package: package["dx"]["predecessor"].update(release_id="0" * 16)),
    "another record": described(lambda package: package["dx"]["built_from"].update(deliveries=[]), "internal"),
    "a dropped resource": described(lambda package: package["resources"].pop()),
    "an added resource": described(lambda package: package["resources"].append(package["resources"][0])),
    "an extra file": lambda path: (path / "public" / "note.txt").write_text("x", encoding="utf-8"),
    "other values": alter_values,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_changed_release_does_not_verify(sealed: Engine, first: Published, attack: str) -> None:
    ATTACKS[attack](first.path)
    assert problems(sealed, first.path)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_release_that_was_changed_with_all_its_hashes_does_not_verify(
    sealed: Engine, first: Published, attack: str
) -> None:
    ATTACKS[attack](first.path)
    seal_again(first.path)
    assert problems(sealed, first.path) == [OTHER_SEALS.en]


@pytest.mark.parametrize(
    ("attack", "problem"),
    [
        ("other inputs", ID_OF_OTHER_INPUTS),
        ("another predecessor", ID_OF_OTHER_INPUTS),
        ("another id", ID_OF_OTHER_INPUTS),
        ("another record", RECORD_CHANGED),
    ],
)
def test_an_id_proves_its_inputs_even_where_the_log_was_written_anew(
    sealed: Engine, first: Published, attack: str, problem: Bilingual
) -> None:
    ATTACKS[attack](first.path)
    seal_again(first.path)
    (sealed.settings.releases / log.NAME).unlink()
    release.store.record(sealed.settings, "published", first.release_id)
    assert problems(sealed, first.path) == [problem.en]


def test_one_flipped_bit_in_any_file_is_found_and_named(sealed: Engine, first: Published) -> None:
    for file in sorted(path for path in first.path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert problems(sealed, first.path), file
        file.write_bytes(content)
    assert problems(sealed, first.path) == []


NO_DESCRIPTIONS = ["", "{", "{}", "[]", "null", '{"version": 1, "resources": [], "dx": []}']


def test_a_damaged_description_is_named_and_the_next_run_makes_the_release_again(
    sealed: Engine, first: Published
) -> None:
    before = {path: path.read_bytes() for path in first.path.rglob("*.parquet")}
    for content in NO_DESCRIPTIONS:
        (first.path / "public" / "datapackage.json").write_text(content, encoding="utf-8")
        assert problems(sealed, first.path) == ["public/datapackage.json is not the file that was sealed."]
        assert predecessor_id(sealed.settings, first.release_id) is None
        with pytest.raises(ReleaseError, match=r"public/datapackage.json of release \w+ cannot be read"):
            datapackage.read(first.path / "public")
    again = release.publish(sealed.settings, sealed.catalogue)
    assert (again.release_id, again.changed) == (first.release_id, True)
    assert {path: path.read_bytes() for path in first.path.rglob("*.parquet")} == before
    assert problems(sealed, first.path) == []
    assert (sealed.settings.set_aside / "releases").is_dir()


def test_a_release_that_was_put_there_by_hand_does_not_verify(sealed: Engine, first: Published) -> None:
    shutil.copytree(first.path, first.path.with_name("0123456789abcdef"))
    assert problems(sealed, first.path.with_name("0123456789abcdef")) == [NOT_IN_LOG.en]


def test_a_release_without_seals_or_without_a_part_is_named_as_such(sealed: Engine, first: Published) -> None:
    for part in PARTS:
        (first.path / part / manifest.NAME).unlink()
    assert problems(sealed, first.path) == [NOT_SEALED.en]
    shutil.rmtree(first.path / "internal")
    assert problems(sealed, first.path) == [NOT_WHOLE.en]


def test_anybody_checks_a_public_part_with_what_every_system_has(first: Published) -> None:
    command = ["/usr/bin/env", "sha256sum", "--check", "--strict", "--quiet", manifest.NAME]
    subprocess.run(command, cwd=first.path / "public", check=True)


# The release log


def publish_later(sealed: Engine, day: int) -> str:
    sealed.put("community_group", groups(*GROUPS, title=f"# {day}"), name=f"{day}.csv", day=day)
    sealed.ingest("community_group")
    return release.publish(sealed.settings, sealed.catalogue).release_id


def events(sealed: Engine) -> list[tuple[str, str]]:
    return [(line.event, line.release_id) for line in ReleaseLog.read(sealed.settings.releases).lines]


def test_the_log_has_the_id_seals_and_predecessor_of_each_release(sealed: Engine, first: Published) -> None:
    second = publish_later(sealed, 7)
    one, two = ReleaseLog.read(sealed.settings.releases).lines
    assert (one.release_id, one.predecessor, one.previous) == (first.release_id, None, log.FIRST)
    assert (two.release_id, two.predecessor) == (second, first.release_id)
    assert one.seals == {part: digest(first.path / part / "SHA256SUMS") for part in PARTS}


@pytest.mark.parametrize(
    ("line", "text", "wrong"),
    [(0, b"", 1), (0, b"{}\n", 1), (1, b"x\n", 2), (1, None, 3), (0, None, 2)],
    ids=["gone", "empty", "no JSON", "the time of the second", "the time of the first"],
)
def test_a_changed_line_of_the_log_is_found(warehouse: Settings, line: int, text: bytes | None, wrong: int) -> None:
    """A changed last line is found by the seals of its release alone."""
    warehouse.releases.mkdir(parents=True)
    for number in range(3):
        log.append(warehouse, "published", f"{number:016}", {}, datetime(2026, 1, 1 + number, tzinfo=UTC))
    path = warehouse.releases / log.NAME
    assert ReleaseLog.read(warehouse.releases).problem is None
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"at":"20', b'"at":"19') if text is None else text
    path.write_bytes(b"".join(lines))
    broken = ReleaseLog.read(warehouse.releases)
    assert broken.wrong == wrong
    assert broken.problem is not None
    assert broken.problem.en.startswith(f"releases/log.jsonl: line {wrong} was changed")


def test_a_changed_log_is_set_aside_and_started_anew(sealed: Engine, first: Published) -> None:
    path = sealed.settings.releases / log.NAME
    path.write_bytes(path.read_bytes().replace(b'"number":1', b'"number":2'))
    assert problems(sealed, first.path) == [NOT_IN_LOG.en]
    again = release.publish(sealed.settings, sealed.catalogue)
    (line,) = ReleaseLog.read(sealed.settings.releases).lines
    assert (line.event, line.release_id) == ("published", again.release_id)
    assert line.reason == "the log before was changed: set_aside/releases/log.jsonl.0"


def test_a_line_that_a_crash_cut_is_removed(sealed: Engine, first: Published) -> None:
    path = sealed.settings.releases / log.NAME
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"number": 2, "at"')
    assert ReleaseLog.read(sealed.settings.releases).problem is None
    assert problems(sealed, first.path) == []
    second = publish_later(sealed, 7)
    assert events(sealed) == [("published", first.release_id), ("published", second)]
    assert path.read_bytes().startswith(whole)


@pytest.mark.slow
def test_a_rollback_goes_back_one_more_each_time_and_never_forward(sealed: Engine, first: Published) -> None:
    second, third = publish_later(sealed, 7), publish_later(sealed, 8)
    assert release.current_id(sealed.settings) == third
    for expected in (second, first.release_id):
        before = release.before_current(sealed.settings)
        assert before is not None
        assert before.release_id == expected
        release.switch_to(sealed.settings, expected, "rolled_back")
    assert release.before_current(sealed.settings) is None
    release.switch_to(sealed.settings, third, "switched")
    assert release.current_id(sealed.settings) == third
    assert [event for event, _ in events(sealed)[3:]] == ["rolled_back", "rolled_back", "switched"]


@pytest.mark.slow
def test_the_latest_releases_month_ends_and_pinned_ones_are_kept(sealed: Engine, first: Published) -> None:
    """By the province's time: 17:30 of 31 January in UTC is in February there."""
    only_one = Engine(replace(sealed.settings, releases_kept=1), sealed.catalogue)
    path = sealed.settings.releases / log.NAME
    path.unlink()
    times = ["2026-01-30T10:00Z", "2026-01-31T10:00Z", "2026-01-31T17:30Z", "2026-02-03T10:00Z"]
    names = [first.release_id, "january", "february", "later"]
    for name, at in zip(names, times, strict=True):
        if name != first.release_id:
            shutil.copytree(first.path, sealed.settings.releases / name)
        log.append(sealed.settings, "published", name, {}, datetime.fromisoformat(at).astimezone(UTC))
    release.pin(sealed.settings, "february", is_pinned=True)
    latest = publish_later(only_one, 7)
    assert {item.release_id for item in release.kept(sealed.settings)} == {"january", "february", "later", latest}
    assert ("removed", first.release_id) in events(sealed)
    release.pin(sealed.settings, "february", is_pinned=False)
    last = publish_later(only_one, 8)
    assert {item.release_id for item in release.kept(sealed.settings)} == {"january", "later", last}


# Signatures


@pytest.fixture
def signed(sealed: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A project whose releases are signed, with keys as openssl makes them."""
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-out", str(public))
    monkeypatch.setenv("DX_SIGNING_KEY", str(key))
    return with_public_key(sealed, public.read_text(encoding="utf-8"))


def openssl(*arguments: str) -> None:
    subprocess.run(["/usr/bin/env", "openssl", *arguments], check=True, capture_output=True)


def with_public_key(sealed: Engine, text: str) -> Engine:
    declared = sealed.catalogue
    province = type(declared.province).model_validate({**declared.province.model_dump(), "public_key": text})
    return Engine(sealed.settings, replace(declared, province=province))


def test_a_signed_release_is_checked_offline_by_the_declared_key(signed: Engine, tmp_path: Path) -> None:
    path = release.publish(signed.settings, signed.catalogue).path
    assert problems(signed, path) == []
    files = ("-in", str(path / "public" / "SHA256SUMS"), "-sigfile", str(path / "public" / "SHA256SUMS.sig"))
    openssl("pkeyutl", "-verify", "-pubin", "-inkey", str(tmp_path / "public.pem"), "-rawin", *files)
    alter_values(path)
    seal_again(path)
    assert problems(signed, path) == [f"{part}/SHA256SUMS.sig is not by the key of the province." for part in PARTS]


def test_a_release_without_the_signature_that_is_declared_is_made_again(signed: Engine, first: Published) -> None:
    assert problems(signed, first.path) == [f"{part}/SHA256SUMS.sig is missing: it is not signed." for part in PARTS]
    again = release.publish(signed.settings, signed.catalogue)
    assert (again.release_id, again.changed) == (first.release_id, True)
    assert problems(signed, again.path) == []


@pytest.mark.slow
def test_without_the_private_key_nothing_is_published_and_the_last_release_stays(
    signed: Engine, first: Published, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(other))
    for key in ("", str(tmp_path / "missing.pem"), str(other)):
        monkeypatch.setenv("DX_SIGNING_KEY", key)
        with pytest.raises(UsageError, match="DX_SIGNING_KEY does not name the province's private key"):
            release.publish(signed.settings, signed.catalogue)
        assert release.current_id(signed.settings) == first.release_id
        assert [path.name for path in signed.settings.releases.iterdir() if path.is_dir()] == [first.release_id]


def test_a_public_key_that_is_none_is_refused_where_it_is_declared(sealed: Engine) -> None:
    with pytest.raises(ValueError, match="write an Ed25519 public key in PEM"):
        with_public_key(sealed, "key")
