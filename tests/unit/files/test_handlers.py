from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

import pytest

from app.application.events import PublishedEvent
from app.application.files.commands.remove_image import RemoveImage, RemoveImageHandler
from app.application.files.commands.set_image import SetImage, SetImageHandler
from app.application.files.policies import ForgetFilesOfErased
from app.application.files.ports import FileRef, StorageUnavailable
from app.application.files.queries.find_image import FindImage
from app.application.files.views import FileRecord
from app.application.files.workflows.prepare_image import PrepareImage, PrepareImageHandler
from app.application.files.workflows.sign_image_link import SignImageLink, SignImageLinkHandler
from app.domain.files.file import (
    FileContent,
    FileNotFound,
    FileRemoved,
    FileStored,
    Owner,
    OwnerKind,
    StoredFile,
    Upload,
    UploadExpired,
    storage_key,
)
from app.domain.files.image import EmptyFile, WrongContent
from app.shared.errors import ConcurrentChange, StaleVersion
from app.shared.ids import NOBODY, FileId, TenantId, UserId
from app.shared.mediator import Sender
from tests.support.fakes import NOON, CountedIds, SettableClock
from tests.support.storages import png

TENANT = TenantId(UUID(int=7))
ADA = UserId(UUID(int=8))
POSTER = Owner(kind=OwnerKind.PRODUCT, id=UUID(int=9))


@dataclass
class FakeFiles:
    stored: dict[FileId, StoredFile] = field(default_factory=dict)

    def add(self, file: StoredFile) -> None:
        self.stored[file.id] = file

    async def get(self, file_id: FileId) -> StoredFile:
        return self.stored[file_id]

    async def of_owner(self, owner: Owner) -> list[StoredFile]:
        return [file for file in self.stored.values() if file.owner == owner]


@dataclass
class FakeShowcase:
    now: FileId | None = None
    version: int = 1

    async def shown(self, owner_id: UUID, expected_version: int | None) -> FileId | None:
        if expected_version not in (None, self.version):
            raise StaleVersion("Load it again.")
        return self.now

    async def show(self, owner_id: UUID, file_id: FileId | None) -> None:
        self.now = file_id


@dataclass
class FakeStorage:
    kept: dict[str, bytes] = field(default_factory=dict)
    down: bool = False

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        if self.down:
            raise StorageUnavailable("Try again.")
        self.kept[key] = content

    async def get(self, key: str) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        raise NotImplementedError

    async def link(self, file: FileRef, lifetime: timedelta) -> str:
        return f"https://files.example/{file.key}?for={lifetime.total_seconds():.0f}"

    def older(self, than: datetime) -> AsyncIterator[Sequence[str]]:
        raise NotImplementedError


@dataclass
class FakeSender:
    """Answers FindImage."""

    shows: FileRecord | None = None

    async def send(self, message: FindImage, **_: Any) -> FileRecord | None:
        assert isinstance(message, FindImage)
        return self.shows


@dataclass
class Desk:
    files: FakeFiles = field(default_factory=FakeFiles)
    showcase: FakeShowcase = field(default_factory=FakeShowcase)
    storage: FakeStorage = field(default_factory=FakeStorage)
    sender: FakeSender = field(default_factory=FakeSender)
    clock: SettableClock = field(default_factory=SettableClock)
    ids: CountedIds = field(default_factory=CountedIds)

    async def prepare(self, body: bytes, **values: Any) -> SetImage:
        usual: dict[str, Any] = {"tenant_id": TENANT, "owner": POSTER, "by": ADA, "content_type": "image/png"}
        message = PrepareImage(**(usual | {"body": body} | values))
        handler = PrepareImageHandler(self.storage, self.clock, self.ids, cast(Sender, self.sender))
        return await handler.handle(message)

    async def set(self, command: SetImage) -> bool:
        handler = SetImageHandler(self.files, {OwnerKind.PRODUCT: self.showcase}, self.clock)
        result = await handler.handle(command)
        assert result.image.id == self.showcase.now
        return result.created

    async def upload(self, body: bytes, **values: Any) -> bool:
        created = await self.set(await self.prepare(body, **values))
        assert self.showcase.now is not None
        file = self.files.stored[self.showcase.now]
        self.sender.shows = FileRecord(id=file.id, storage_key=file.storage_key, content=file.content)
        return created


@pytest.fixture
def desk() -> Desk:
    return Desk()


def a_content(**values: Any) -> FileContent:
    usual: dict[str, Any] = {"content_type": "image/png", "size_bytes": 3, "sha256": "0" * 64, "width": 1, "height": 1}
    return FileContent(**(usual | values))


def an_upload(**values: Any) -> Upload:
    usual: dict[str, Any] = {"file_id": FileId(UUID(int=1)), "content": a_content(), "by": ADA, "at": NOON}
    return Upload(**(usual | values))


async def test_the_bytes_lie_in_the_storage_before_the_command_is_made(desk: Desk) -> None:
    body = png(640, 480)
    command = await desk.prepare(body)
    file_id = FileId(UUID(int=1))
    assert desk.storage.kept == {storage_key(TENANT, file_id): body}
    content = FileContent(
        content_type="image/png", size_bytes=len(body), sha256=sha256(body).hexdigest(), width=640, height=480
    )
    assert command.upload == Upload(file_id=file_id, content=content, by=ADA, at=NOON)


async def test_a_storage_that_is_down_makes_no_command(desk: Desk) -> None:
    desk.storage.down = True
    with pytest.raises(StorageUnavailable):
        await desk.prepare(png())


@pytest.mark.parametrize(("body", "error"), [(b"", EmptyFile), (b"no image", WrongContent)])
async def test_what_is_no_image_never_reaches_the_storage(desk: Desk, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await desk.prepare(body)
    assert desk.storage.kept == {}


async def test_the_first_image_is_created_and_the_next_one_replaces_it(desk: Desk) -> None:
    assert await desk.upload(png(1, 1)) is True
    first = desk.showcase.now
    assert await desk.upload(png(2, 2)) is False
    assert first is not None
    assert desk.showcase.now != first
    assert desk.files.stored[first].removed
    assert [type(event) for event in desk.files.stored[first].pending_events] == [FileStored, FileRemoved]


async def test_the_same_bytes_again_change_nothing_and_are_not_put_again(desk: Desk) -> None:
    await desk.upload(png())
    shown = desk.showcase.now
    assert await desk.upload(png()) is False
    assert desk.showcase.now == shown
    assert len(desk.storage.kept) == len(desk.files.stored) == 1


async def test_bytes_that_were_the_same_but_are_gone_by_now_are_asked_for_again(desk: Desk) -> None:
    await desk.upload(png())
    command = await desk.prepare(png())
    desk.showcase.now = None
    with pytest.raises(ConcurrentChange):
        await desk.set(command)


async def test_bytes_that_waited_for_an_hour_get_no_row(desk: Desk) -> None:
    command = await desk.prepare(png())
    desk.clock.move(minutes=60)
    await desk.set(command)
    late = await desk.prepare(png(2, 2))
    desk.clock.move(minutes=60, seconds=1)
    with pytest.raises(UploadExpired):
        await desk.set(late)


async def test_a_stale_version_is_refused(desk: Desk) -> None:
    with pytest.raises(StaleVersion):
        await desk.set(await desk.prepare(png(), expected_version=2))


async def test_a_removed_image_is_shown_no_more(desk: Desk) -> None:
    await desk.upload(png())
    shown = desk.showcase.now
    handler = RemoveImageHandler(desk.files, {OwnerKind.PRODUCT: desk.showcase}, desk.clock)
    await handler.handle(RemoveImage(owner=POSTER))
    assert shown is not None
    assert desk.showcase.now is None
    assert desk.files.stored[shown].removed
    with pytest.raises(FileNotFound):
        await handler.handle(RemoveImage(owner=POSTER))


async def test_a_link_lives_as_long_as_the_settings_say(desk: Desk) -> None:
    await desk.upload(png())
    handler = SignImageLinkHandler(desk.storage, timedelta(minutes=5), cast(Sender, desk.sender))
    message = SignImageLink(tenant_id=TENANT, owner=POSTER, active_only=True)
    assert await handler.handle(message) == f"https://files.example/{storage_key(TENANT, FileId(UUID(int=1)))}?for=300"
    desk.sender.shows = None
    with pytest.raises(FileNotFound):
        await handler.handle(message)


async def test_an_erased_product_s_files_go_and_no_others(desk: Desk) -> None:
    for number, owner in enumerate((POSTER, Owner(kind=OwnerKind.EVENT, id=POSTER.id)), 1):
        upload = an_upload(file_id=FileId(UUID(int=number)))
        desk.files.add(StoredFile.store(upload, owner=owner, tenant_id=TENANT, now=NOON))
    event = PublishedEvent(
        id=UUID(int=1),
        tenant_id=TENANT,
        type="product.erased",
        stream="product",
        stream_id=POSTER.id,
        version=2,
        occurred_at=NOON,
        request_id="test",
        actor_id=NOBODY,
        actor_kind="system",
        data={},
    )
    await ForgetFilesOfErased(desk.files, desk.clock, OwnerKind.PRODUCT).react(event)
    assert [file.removed for file in desk.files.stored.values()] == [True, False]


def test_a_key_begins_with_its_tenant_and_names_one_file_only() -> None:
    file_id = FileId(UUID("01890a5d-ac96-774b-bcce-b302099a80ff"))
    assert storage_key(TENANT, file_id) == f"{TENANT}/ff/{file_id}"
    assert storage_key(TENANT, file_id) != storage_key(TenantId(UUID(int=6)), file_id)


def test_events_name_no_place_in_the_storage() -> None:
    file = StoredFile.store(an_upload(), owner=POSTER, tenant_id=TENANT, now=NOON)
    file.remove(now=NOON)
    assert [event.type for event in file.pending_events] == ["file.stored", "file.removed"]
    assert all(str(TENANT) not in repr(event) for event in file.pending_events)
