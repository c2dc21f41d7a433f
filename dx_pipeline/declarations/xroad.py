"""The fields of X-Road's operational monitoring records (PR-OPMON, chapter 2) that may be kept."""

from __future__ import annotations

CURRENT: tuple[str, ...] = (
    "monitoringDataTs",
    "securityServerType",
    "requestInTs",
    "requestOutTs",
    "responseInTs",
    "responseOutTs",
    "clientXRoadInstance",
    "clientMemberClass",
    "clientMemberCode",
    "clientSubsystemCode",
    "serviceXRoadInstance",
    "serviceMemberClass",
    "serviceMemberCode",
    "serviceSubsystemCode",
    "serviceCode",
    "serviceVersion",
    "serviceType",
    "restMethod",
    "restPath",
    "messageId",
    "xRequestId",
    "messageProtocolVersion",
    "requestSize",
    "responseSize",
    "requestMimeSize",
    "responseMimeSize",
    "requestAttachmentCount",
    "responseAttachmentCount",
    "succeeded",
    "faultCode",
    "statusCode",
    "xRoadVersion",
)
"""The fields that are asked for. Addresses of servers are not among them: they may be IP addresses."""

OLDER: dict[str, tuple[str, ...]] = {
    "requestSize": ("requestSoapSize", "requestRestSize"),
    "responseSize": ("responseSoapSize", "responseRestSize"),
    "faultCode": ("soapFaultCode",),
}
"""What servers before version 1.0 of the protocol call them; reading knows both."""

SINCE_1_0 = frozenset({*OLDER, "serviceType"})
SINCE_1_4 = frozenset({"restMethod", "restPath", "xRoadVersion"})
"""Fields that came with versions 1.4 to 1.6 of the protocol."""

ORDER = (*CURRENT, *(name for names in OLDER.values() for name in names))
"""Every field that may be kept, in the order in which it is."""

PERIOD = ("coveredFromTs", "coveredToTs")
"""What a landed page says beside its records: which seconds it covers."""

EXCHANGE_ID, OPERATION = "exchangeId", "operation"
HEADINGS = (*CURRENT, EXCHANGE_ID, OPERATION)
"""The headings that a record is read under: the current names, and two that follow from several fields."""
