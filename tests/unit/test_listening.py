from __future__ import annotations

import socket

from tools.listening import listen


async def test_answers_never_wait_for_acknowledgements() -> None:
    with await listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as client:
        accepted, _address = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert accepted.getpeername() == client.getsockname()
