"""Nominal ids of this context. All are UUIDv7 (RFC 9562), made in the application."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

WebhookId = NewType("WebhookId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
