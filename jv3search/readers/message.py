"""E-mail messages: header lines, the body, and every attachment as a section read by its own reader."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

from jv3search.errors import EmptyDocument, ReadError
from jv3search.readers.html import parse, walk
from jv3search.readers.sandbox.limits import Raw
from jv3search.readers.text import TextBuilder, one_line
from jv3search.types import Document

_HEADERS = ("From", "To", "Cc", "Date")


def read(raw: Raw) -> Document:
    """A .eml file; a plain body is preferred to an HTML one that says the same."""
    message = message_from_bytes(raw.data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    if not any(name in message for name in ("From", "Subject", "Date", "Received", "MIME-Version")):
        raise ReadError(f"{raw.name} has no From, Subject or Date line: it is not an e-mail message")
    builder = TextBuilder(raw, "eml")
    subject = one_line(str(message.get("Subject", "")))
    builder.heading(subject, 1)
    builder.add("\n".join(f"{name}: {one_line(str(message[name]))}" for name in _HEADERS if name in message))
    body = message.get_body(("plain", "html"))
    if isinstance(body, EmailMessage):
        _add_body(body, raw, builder)
    for part in message.iter_attachments():
        _add_attachment(part, raw, builder)
    return builder.document(subject)


def _add_body(body: EmailMessage, raw: Raw, builder: TextBuilder) -> None:
    text = _text(body, raw)
    if body.get_content_subtype() == "html":
        walk(parse(text, raw).body, builder)
    else:
        builder.add(text)


def _text(part: EmailMessage, raw: Raw) -> str:
    """A text part's characters; an undeclared or wrongly declared encoding is found out."""
    from jv3search.readers.encoding import decode

    data = part.get_payload(decode=True)
    if not isinstance(data, bytes) or not data:
        return ""
    return decode(replace(raw, data=data, name=f"{raw.name} (body)"), str(part.get_content_charset() or ""))


def _add_attachment(part: EmailMessage, raw: Raw, builder: TextBuilder) -> None:
    """A section named like the attached file; one that cannot be read leaves a notice."""
    name = one_line(part.get_filename() or "") or _default_name(part)
    builder.heading(name, 2)
    if raw.depth >= raw.limits.nested_messages:
        builder.notices.append(f"{name}: attached more than {raw.limits.nested_messages} messages deep, not read")
        return
    inner = replace(raw, data=_attached_bytes(part), name=name, depth=raw.depth + 1)
    try:
        builder.embed(_dispatched(inner), level=2)
    except EmptyDocument as error:
        builder.notices.append(f"attachment {error}")
    except ReadError as error:
        builder.notices.append(f"attachment not read: {str(error).partition('; known:')[0]}")


def _dispatched(inner: Raw) -> Document:
    from jv3search.readers.dispatch import read as read_any  # it imports us by name: a cycle

    return read_any(inner)


def _attached_bytes(part: EmailMessage) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0)
        return inner.as_bytes() if isinstance(inner, EmailMessage) else b""
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _default_name(part: EmailMessage) -> str:
    kind = part.get_content_type()
    suffix = {"message/rfc822": ".eml", "text/html": ".html", "text/plain": ".txt", "text/csv": ".csv"}
    return "attachment" + suffix.get(kind, "")
