"""Notifications: what is wrong reaches each declared address once, over real servers on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from engine import Engine
from webhook import WEBHOOK, Webhook, serving

from dx_pipeline import notification
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.notification import Cause
from dx_pipeline.settings import Settings

MAIL = "DX_NOTIFY_MAIL"
LATE = Cause("late: dossier 2022-06", Bilingual(vi="Nguồn dossier chưa giao.", en="Source dossier is late."))
FAILED = Cause("failed job: ingest", Bilingual(vi="Lượt chạy bị lỗi.", en="The latest run failed."))


class Mailbox:
    """What a mail server has taken."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail; the server calls it by this name."""
        self.taken.append(envelope)
        return "250 OK"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    server = Webhook()
    monkeypatch.setenv(WEBHOOK, server.address)
    with serving(server):
        yield server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def declaring(catalogue: Catalogue, *names: str) -> Catalogue:
    return replace(catalogue, province=catalogue.province.model_copy(update={"notify": names}))


def test_each_cause_is_sent_once_and_again_when_it_comes_back(
    warehouse: Settings, declared: Catalogue, webhook: Webhook
) -> None:
    catalogue = declaring(declared, WEBHOOK)
    sent = []
    for found in ([LATE], [LATE, FAILED], [LATE, FAILED], [FAILED], [LATE, FAILED]):
        assert notification.notify(warehouse, catalogue, found) == []
        sent.append([each["message"].splitlines()[0] for each in webhook.taken])
        webhook.taken.clear()
    assert sent == [["Nguồn dossier chưa giao."], ["Lượt chạy bị lỗi."], [], [], ["Nguồn dossier chưa giao."]]


def test_a_message_names_the_province_and_each_cause_in_both_languages(
    warehouse: Settings, declared: Catalogue, webhook: Webhook
) -> None:
    notification.notify(warehouse, declaring(declared, WEBHOOK), [LATE, FAILED])
    (message,) = webhook.taken
    assert message["title"] == f"dx-pipeline {declared.province.title.vi}: 2 việc cần xử lý / 2 to be dealt with"
    assert message["message"].splitlines() == [
        "Nguồn dossier chưa giao.",
        "Source dossier is late.",
        "",
        "Lượt chạy bị lỗi.",
        "The latest run failed.",
    ]


def test_an_address_that_fails_gets_the_same_causes_next_time_and_holds_up_no_other(
    warehouse: Settings, declared: Catalogue, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Webhook()
    monkeypatch.setenv("DX_OTHER", other.address)
    catalogue = declaring(declared, WEBHOOK, "DX_OTHER")
    with serving(other):
        webhook.status = 503
        (problem,) = notification.notify(warehouse, catalogue, [LATE])
        webhook.status = 200
        assert notification.notify(warehouse, catalogue, [LATE]) == []
    assert WEBHOOK in problem.en
    assert "secret-token" not in problem.en + problem.vi
    assert [len(webhook.taken), len(other.taken)] == [1, 1]


def test_an_address_may_be_a_mailbox(warehouse: Settings, declared: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox, port = Mailbox(), free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        monkeypatch.setenv(MAIL, f"mailto://127.0.0.1:{port}?from=dx@example.vn&to=truc@example.vn&mode=insecure")
        assert notification.notify(warehouse, declaring(declared, MAIL), [LATE]) == []
    finally:
        server.stop()
    (envelope,) = mailbox.taken
    assert envelope.rcpt_tos == ["truc@example.vn"]
    content = envelope.original_content
    assert content is not None
    text = message_from_bytes(content, policy=policy.default).get_body(("plain",))
    assert text is not None
    assert "Nguồn dossier chưa giao." in text.get_content()


@pytest.mark.parametrize(("value", "said"), [(None, "is not set"), ("truc@example.vn", "is no address")])
def test_an_address_that_cannot_be_used_is_named_by_its_variable(
    warehouse: Settings, declared: Catalogue, monkeypatch: pytest.MonkeyPatch, value: str | None, said: str
) -> None:
    if value is not None:
        monkeypatch.setenv(MAIL, value)
    catalogue = declaring(declared, MAIL)
    (problem,) = notification.problems(catalogue)
    assert said in problem.en
    assert notification.notify(warehouse, catalogue, [LATE]) == [problem]


def test_causes_are_what_was_held_back_and_months_that_are_late(engine: Engine) -> None:
    engine.deliver("dossier", b"no heading\n")
    now = datetime(2022, 7, 20, tzinfo=UTC)
    found = notification.causes(engine.settings, engine.catalogue, now)
    about = [cause.key.split(": ")[:2] for cause in found if "never evaluated" not in cause.key]
    assert about == [["held back", "statistics.dossier dossier 2022-05"], ["late", "dossier 2022-06 2022-06"]]
    assert any("dossier has not delivered 2022-06" in cause.sentence.en for cause in found)
    later = notification.causes(engine.settings, engine.catalogue, now.replace(hour=9))
    assert later == found
