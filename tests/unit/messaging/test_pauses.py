from __future__ import annotations

from app.infrastructure.messaging.pauses import Pauses


class Slept(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


async def test_pauses_double_up_to_a_bound_and_begin_anew_after_a_success() -> None:
    slept = Slept()
    pauses = Pauses(first=1.0, most=5.0, sleep=slept)
    for _ in range(40):
        await pauses.next()
    pauses.reset()
    await pauses.next()

    for seconds, longest in zip(slept, [1, 2, 4, *[5] * 37, 1], strict=True):
        assert 0.75 * longest <= seconds <= longest
