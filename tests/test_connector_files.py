"""The inbox, a folder at an address, TLS, and the log of attempts."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import duckdb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from deliveries import MAY as MAY_FOLDER
from deliveries import put
from trials import MAY, NAME, ONCE, QUICK, WHOLE, Fetched, fetch, fetch_killed, http, landed, source, statuses, written

from dx_pipeline import audit, connectors
from dx_pipeline.audit.expectations import complete
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.connector import Files, Tls
from dx_pipeline.declarations.document import Document
from dx_pipeline.declarations.source import Source
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.errors import DeclarationError
from dx_pipeline.landing import attempts
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.sample.http_server import Service, envelope
from dx_pipeline.settings import Settings

SIX_DAYS = "{name: a, path: /a, records: D, paging: {kind: date_window, first: a, last: b, days: 6}}"
HERE = Files(kind="files")


def folder_at(address: object) -> Files:
    return Files(kind="files", address=str(address), bounds=QUICK.model_copy(update={"page_bytes": 10_000}))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The folder of May at an address."""
    folder = tmp_path / "there" / MAY_FOLDER
    folder.mkdir(parents=True)
    return folder


def test_the_fetch_attempts_of_the_inbox_are_derived_from_what_has_landed(warehouse: Settings) -> None:
    put(warehouse, NAME, b"a,b\n1,2\n")
    fetch(warehouse, HERE)
    (attempt,) = attempts.read(warehouse, NAME, MAY)
    assert (attempt.status, attempt.duration_ms, attempt.connector, attempt.received_bytes) == ("ok", None, "files", 8)
    assert attempt.started_at == datetime(2022, 6, 5, 1, tzinfo=UTC)
    assert attempts.read(warehouse, NAME, MAY) == (attempt,)
    assert not (warehouse.landing / deliveries.ATTEMPTS).exists()


def test_files_at_an_address_land_once_in_each_version(warehouse: Settings, there: Path) -> None:
    (there / "traffic.csv").write_text("a\n1\n")
    (there / ".hidden").write_text("x")
    (there.parent / "2022-06").mkdir()
    (fetched,) = fetch(warehouse, folder_at(there.parent))
    assert [item.entry.file_name for item in fetched.new] == ["traffic.csv"]
    (fetched,) = fetch(warehouse, folder_at(there.parent / "{month}"))
    assert fetched.new == ()
    assert len(attempts.read(warehouse, NAME, MAY)) == 1  # what has not changed is not even read
    (there / "traffic.csv").write_text("a\n1\n2\n")
    (fetched,) = fetch(warehouse, folder_at(there.parent))
    assert len(fetched.new) == 1
    assert len(landed(warehouse)) == 2


def test_a_link_at_an_address_is_not_followed_and_fails_an_attempt(warehouse: Settings, there: Path) -> None:
    (there.parent / "secret").write_text("root:x")
    (there / "a link.csv").symlink_to(there.parent / "secret")
    (there / "traffic.csv").write_text("a\n1\n")
    os.mkfifo(there / "pipe.csv")
    (fetched,) = fetch(warehouse, folder_at(there.parent))
    assert [item.entry.file_name for item in fetched.new] == ["traffic.csv"]
    assert "(link)" in str(fetched.problem)
    assert b"root:x" not in written(warehouse)


def test_two_files_alike_are_one_delivery(warehouse: Settings, there: Path) -> None:
    for name in ("first.csv", "second.csv"):
        (there / name).write_text("a\n1\n")
    (fetched,) = fetch(warehouse, folder_at(there.parent))
    assert (len(fetched.new), fetched.problem) == (1, None)


def test_a_failing_address_has_an_error_class(warehouse: Settings, there: Path) -> None:
    (there / "large.csv").write_bytes(b"x" * 20_000)
    for address in (there.parent, "no-such-protocol://host/folder"):
        fetch(warehouse, folder_at(address))
    assert statuses(warehouse) == [("failed", "too_large"), ("failed", "not_configured")]


def test_an_address_without_the_month_has_nothing(warehouse: Settings, tmp_path: Path) -> None:
    assert fetch(warehouse, folder_at(tmp_path)) == (Fetched((), None),)


@pytest.mark.slow
def test_a_kill_between_two_files_loses_none(warehouse: Settings, there: Path) -> None:
    for number in range(3):
        (there / f"{number}.csv").write_text(f"a\n{number}\n")
    for step in (5, 12, 14):
        fetch_killed(warehouse, folder_at(there.parent), step)
    fetch(warehouse, folder_at(there.parent))
    assert sorted(item.entry.file_name for item in landed(warehouse)) == ["0.csv", "1.csv", "2.csv"]
    assert {item.delivery_id for item in attempts.read(warehouse, NAME, MAY)} == {
        item.entry.delivery_id for item in landed(warehouse)
    }


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost, signed by itself, and its key: authority, server and client in one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    unused = ("crl_sign", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = dict.fromkeys((*unused, "encipher_only", "decipher_only"), False)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "localhost.pem", folder / "localhost.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return paths


def test_servers_and_clients_show_certificates_of_a_declared_authority(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, key = certificate(tmp_path)
    monkeypatch.setenv("DX_TRIAL_CERTIFICATE", str(path))
    monkeypatch.setenv("DX_TRIAL_KEY", str(key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(path))
    context.load_cert_chain(path, key)
    context.verify_mode = ssl.CERT_REQUIRED  # as security servers do
    trusting = Tls(authority_file_env="DX_TRIAL_CERTIFICATE")
    known = trusting.model_copy(update={"certificate_file_env": "DX_TRIAL_CERTIFICATE", "key_file_env": "DX_TRIAL_KEY"})
    with Service({"/whole": lambda _: envelope([{"operation": "x"}])}, tls=context) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        for tls in (Tls(), trusting, known):
            fetch(warehouse, http(url, WHOLE, ONCE, tls=tls))
    assert [error for _, error in statuses(warehouse)] == ["tls", "tls", None]


def test_a_missing_certificate_file_is_not_configured(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DX_TRIAL_AUTHORITY", "/nowhere/authority.pem")
    fetch(warehouse, http("https://127.0.0.1:1", WHOLE, ONCE, tls=Tls(authority_file_env="DX_TRIAL_AUTHORITY")))
    (failed,) = attempts.read(warehouse, NAME, MAY)
    assert (failed.error_class, failed.error_code) == ("not_configured", "tls")


def test_the_table_of_fetch_attempts_is_what_its_contract_says(warehouse: Settings, declared: Catalogue) -> None:
    put(warehouse, NAME, b"a\n1\n")
    fetch(warehouse, HERE)
    with Service({"/whole": lambda _: envelope([{"operation": "x"}])}, faults=["unavailable"]) as server:
        fetch(warehouse, http(server.url, WHOLE))
    contract = declared.contracts["connection.attempt"]
    rows = list(attempts.rows(warehouse, {NAME: source(HERE)}))
    with duckdb.connect() as database:
        database.execute(create_table("staged", contract.stored))
        database.execute(f"CREATE SCHEMA reference; CREATE TABLE reference.system AS SELECT '{NAME}' AS system")
        for row in rows:
            assert set(row) == set(contract.columns)
            places = ", ".join(f"${name}" for name in row)
            database.execute(f"INSERT INTO staged ({', '.join(row)}) VALUES ({places})", row)
        results = list(audit.audit(database, "staged", complete("connection.attempt", contract, None)))
    assert [result for result in results if result.status != "met"] == []
    assert [row["sequence"] for row in rows] == [1, 2, 3]
    assert {row["system"] for row in rows} == {NAME}


def test_every_error_class_is_allowed_by_the_contract_and_has_its_advice(declared: Catalogue) -> None:
    allowed = declared.contracts["connection.attempt"].columns["error_class"].allowed
    assert set(allowed or ()) == set(attempts.ADVICE) == set(get_args(attempts.ErrorClass))


def test_a_connector_may_be_called_by_its_name_alone() -> None:
    declared_so = source(HERE).model_dump() | {"connector": "files"}
    assert Source.model_validate(declared_so).connector == HERE
    assert not connectors.is_remote(DeclaredSource("connection", NAME, Source.model_validate(declared_so)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{kind: ftp}", "'connector'"),
        ("{kind: http, base_url: 'http://x', requests: []}", "requests"),
        ("{kind: http, requests: [{name: a, path: /a, records: D}]}", "base_url_env"),
        ("{kind: http, base_url: 'http://x/?k=secret', requests: [{name: a, path: /a, records: D}]}", "base_url"),
        ("{kind: http, base_url: 'http://x', requests: [{name: a, path: '/a/{monat}', records: D}]}", "{month}"),
        ("{kind: xroad, base_url: 'http://x', client: A/B, server: A/B/C/D}", "client"),
        ("{kind: files, adress: /x}", "adress"),
        ("{kind: files, address: 'sftp://user:secret@host/folder'}", "may not contain a password"),
        ("{kind: files, bounds: {attempts: 1000}}", "attempts"),
        (f"{{kind: http, base_url: 'http://x', requests: [{SIX_DAYS}]}}", "days"),
        ("{kind: postgres, dsn_env: A, name: x, relation: v, columns: [m], month: m, cursor: c}", "among the columns"),
    ],
)
def test_a_wrong_declaration_is_refused_in_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(
        "title: {vi: T, en: T}\ndescription: {vi: T, en: T}\nowner: team:t\n"
        f"connector: {text}\n"
        "deliveries:\n  - table: a.b\n    format: {kind: ndjson}\n    columns: {}\n"
    )
    with pytest.raises(DeclarationError, match=r"defs\.yaml:4: ") as refused:
        Document(path).read(Source)
    assert problem in str(refused.value)
