"""Typed message dispatch. All wiring happens at start-up; sending is one dict look-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, cast, get_args, get_type_hints

from app.shared.errors import AppError
from app.shared.tenant_context import RequestContext, request_context

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
M_contra = TypeVar("M_contra", contravariant=True)


class Message(Generic[R_co]):
    """A request that is answered with R."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PartOf:
    """Annotates a mapping whose values are some of the named fields of `whole`: a queued command is read back by it."""

    whole: type


class Command(Message[R_co]):
    """Changes state: one command, one transaction."""

    __slots__ = ()


class Query(Message[R_co]):
    """Reads only."""

    __slots__ = ()


class Workflow(Message[R_co]):
    """Holds no transaction of its own: does slow or outside work, then sends commands."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal that must leave a trace: the chain commits first and raises `error` after."""

    error: AppError


class Handler(Protocol[M_contra, R_co]):
    async def handle(self, message: M_contra, /) -> R_co: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of a response, ready to be sent and to be stored beside an idempotency key."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`fingerprint` is a keyed digest of method, path and body: the same key with another body is refused.

    `repeats` tells whether a stored fingerprint is of this request, also while signing keys rotate.
    """

    key: str
    fingerprint: bytes
    repeats: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Reply(Generic[R]):
    """How the caller wants a command's result rendered, inside the transaction that commits it."""

    render: Callable[[R], Answer]
    idempotency: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message with everything that travels beside it: who, for whom, under which request id."""

    message: Message[Any]
    context: RequestContext
    reply: Reply[Any] | None = None


Run = Callable[[Envelope], Awaitable[Any]]
"""Answers with the message's result, or with an `Answer` when the envelope has a reply."""


class Mediator:
    def __init__(self, runs: Mapping[type, Run]) -> None:
        self._runs = runs

    async def send(self, message: Message[R], context: RequestContext | None = None) -> R:
        """Raises AppError for every expected failure. Without `context`, the current request's is taken."""
        run = self._runs[type(message)]
        return cast(R, await run(Envelope(message, context or request_context.get())))

    async def answer(self, command: Command[R], reply: Reply[R], context: RequestContext | None = None) -> Answer:
        """Like `send`, rendered and made repeatable in the command's own transaction."""
        run = self._runs[type(command)]
        return cast(Answer, await run(Envelope(command, context or request_context.get(), reply)))


@dataclass(frozen=True, slots=True)
class Sender:
    """What a workflow sends with: the context it was asked in, or the same with another tenant or actor."""

    mediator: Mediator
    context: RequestContext

    async def send(self, message: Message[R], **changed: Any) -> R:
        return await self.mediator.send(message, replace(self.context, **changed) if changed else self.context)

    async def answer(self, command: Command[R], reply: Reply[R], context: RequestContext) -> Answer:
        """In the name of somebody else: whoever asked for it before."""
        return await self.mediator.answer(command, reply, context)


def result_type(message: type) -> Any:
    """R of Message[R]; used by the architecture test, never per request."""
    for base in getattr(message, "__orig_bases__", ()):
        if get_args(base):
            return get_args(base)[0]
    raise TypeError(f"{message.__name__} does not say what it answers")


def handled_result(handler: type) -> Any:
    return get_type_hints(handler.handle)["return"]  # type: ignore[attr-defined]
