"""The inbox, a folder at an address, TLS, and the log of attempts."""

from __future__ import annotations

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
from trials import MAY, NAME, ONCE, QUICK, fetch, fetch_killed, http, landed, source

from dx_pipeline import connectors
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.connector import Files, Http, Tls, Whole
from dx_pipeline.declarations.contract import DUCKDB_TYPES
from dx_pipeline.declarations.document import Document
from dx_pipeline.declarations.source import Source
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.errors import DeclarationError
from dx_pipeline.landing import attempts
from dx_pipeline.sample.http_server import Service, envelope
from dx_pipeline.settings import Settings

HERE = Files(kind="files")


def folder_at(address: object) -> Files:
    return Files(kind="files", address=str(address), bounds=QUICK.model_copy(update={"page_bytes": 10_000}))


def statuses(settings: Settings) -> list[tuple[str, str | None, str | None]]:
    return [(item.status, item.error_class, item.error_code) for item in attempts.read(settings, NAME, MAY)]


def test_the_inbox_is_told_of_by_what_landed(warehouse: Settings) -> None:
    put(warehouse, NAME, b"a,b\n1,2\n")
    fetch(warehouse, HERE)
    (attempt,) = attempts.read(warehouse, NAME, MAY)
    assert (attempt.status, attempt.duration_ms, attempt.connector, attempt.received_bytes) == ("ok", None, "files", 8)
    assert attempt.started_at == datetime(2022, 6, 5, 1, tzinfo=UTC)
    assert attempts.read(warehouse, NAME, MAY) == (attempt,)
    assert not (warehouse.landing / attempts.FOLDER).exists()


def test_files_at_an_address_land_once_in_each_version(warehouse: Settings, tmp_path: Path) -> None:
    there = tmp_path / "there" / MAY_FOLDER
    there.mkdir(parents=True)
    (there / "traffic.csv").write_text("a\n1\n")
    (there / ".hidden").write_text("x")
    (there.parent / "2022-06").mkdir()
    (fetched,) = fetch(warehouse, folder_at(tmp_path / "there"))
    assert [item.entry.file_name for item in fetched.new] == ["traffic.csv"]
    (fetched,) = fetch(warehouse, folder_at(tmp_path / "there" / "{month}"))
    assert fetched.new == ()
    assert len(attempts.read(warehouse, NAME, MAY)) == 1  # what has not changed is not even read
    (there / "traffic.csv").write_text("a\n1\n2\n")
    (fetched,) = fetch(warehouse, folder_at(tmp_path / "there"))
    assert len(fetched.new) == 1
    assert len(landed(warehouse)) == 2


def test_two_files_alike_are_one_delivery(warehouse: Settings, tmp_path: Path) -> None:
    there = tmp_path / MAY_FOLDER
    there.mkdir()
    for name in ("first.csv", "second.csv"):
        (there / name).write_text("a\n1\n")
    (fetched,) = fetch(warehouse, folder_at(tmp_path))
    assert fetched.problem is None
    assert len(landed(warehouse)) == 1


def test_an_address_that_fails_is_told(warehouse: Settings, tmp_path: Path) -> None:
    there = tmp_path / MAY_FOLDER
    there.mkdir()
    (there / "large.csv").write_bytes(b"x" * 20_000)
    fetch(warehouse, folder_at(tmp_path))
    fetch(warehouse, folder_at("no-such-protocol://host/folder"))
    assert [item[:2] for item in statuses(warehouse)] == [("failed", "too_large"), ("failed", "not_configured")]
    with pytest.raises(ValueError, match="may not contain a password"):
        folder_at("sftp://user:secret@host/folder")


def test_an_address_without_the_month_has_nothing(warehouse: Settings, tmp_path: Path) -> None:
    (fetched,) = fetch(warehouse, folder_at(tmp_path))
    assert (fetched.new, fetched.problem) == ((), None)


def test_a_kill_between_two_files_loses_none(warehouse: Settings, tmp_path: Path) -> None:
    there = tmp_path / "there" / MAY_FOLDER
    there.mkdir(parents=True)
    for number in range(3):
        (there / f"{number}.csv").write_text(f"a\n{number}\n")
    for step in (5, 12, 14):
        fetch_killed(warehouse, folder_at(tmp_path / "there"), step)
    fetch(warehouse, folder_at(tmp_path / "there"))
    assert sorted(item.entry.file_name for item in landed(warehouse)) == ["0.csv", "1.csv", "2.csv"]
    assert {item.delivery_id for item in attempts.read(warehouse, NAME, MAY)} == {
        item.entry.delivery_id for item in landed(warehouse)
    }


class Authority:
    """A certificate authority that lives for one test, and writes what it signs into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trial authority")])
        self.file = folder / "authority.pem"
        certificate = self._certificate(self.name, self.key, is_authority=True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str) -> tuple[Path, Path]:
        """A certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(subject, key, is_authority=False)
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=is_authority,
            crl_sign=is_authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(own, critical=False)
            .add_extension(issuer, critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self.key, hashes.SHA256())
        )


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    found = Authority(tmp_path)
    certificate, key = found.sign("client")
    monkeypatch.setenv("DX_TRIAL_AUTHORITY", str(found.file))
    monkeypatch.setenv("DX_TRIAL_CERTIFICATE", str(certificate))
    monkeypatch.setenv("DX_TRIAL_KEY", str(key))
    return found


def test_certificates_are_asked_for_and_shown(warehouse: Settings, authority: Authority) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(*authority.sign("server"))
    context.verify_mode = ssl.CERT_REQUIRED  # as security servers do
    trusting = Tls(authority_file_env="DX_TRIAL_AUTHORITY")
    known = Tls(
        authority_file_env="DX_TRIAL_AUTHORITY",
        certificate_file_env="DX_TRIAL_CERTIFICATE",
        key_file_env="DX_TRIAL_KEY",
    )
    with Service({"/whole": lambda _: envelope([{"operation": "x"}])}, tls=context) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        found = [fetch(warehouse, at(url, tls))[0].problem is None for tls in (Tls(), trusting, known)]
    assert found == [False, False, True]
    assert [error for _, error, _ in statuses(warehouse)] == ["tls", "tls", None]


def at(url: str, tls: Tls) -> Http:
    return http(url, Whole(kind="whole"), ONCE, tls=tls)


def test_a_certificate_file_that_is_not_there_is_told(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DX_TRIAL_AUTHORITY", "/nowhere/authority.pem")
    fetch(warehouse, at("https://127.0.0.1:1", Tls(authority_file_env="DX_TRIAL_AUTHORITY")))
    assert statuses(warehouse) == [("failed", "not_configured", "tls")]


def test_the_table_of_outcomes_is_what_its_contract_says(warehouse: Settings, declared: Catalogue) -> None:
    put(warehouse, NAME, b"a\n1\n")
    fetch(warehouse, HERE)
    with Service({"/whole": lambda _: envelope([{"operation": "x"}])}, faults=["unavailable"]) as server:
        fetch(warehouse, http(server.url, Whole(kind="whole")))
    contract = declared.contracts["connection.attempt"]
    rows = list(attempts.rows(warehouse, {NAME: source(HERE)}))
    database = duckdb.connect()
    database.execute("CREATE SCHEMA connection")
    database.execute(create_table("connection.attempt", contract.stored))
    for row in rows:
        assert set(row) == set(contract.columns)
        places = ", ".join(f"${name}" for name in row)
        database.execute(f"INSERT INTO connection.attempt ({', '.join(row)}) VALUES ({places})", row)
    for name, column in contract.columns.items():
        assert column.type in DUCKDB_TYPES
        if column.required:
            assert database.execute(f"SELECT count(*) FROM connection.attempt WHERE {name} IS NULL").fetchall() == [
                (0,)
            ]
        for row in rows:
            assert column.allowed is None or row[name] is None or row[name] in column.allowed
    for rule in contract.rules:
        assert database.execute(f"SELECT count(*) FROM connection.attempt WHERE NOT ({rule.sql})").fetchall() == [(0,)]
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
