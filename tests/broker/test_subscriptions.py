from __future__ import annotations

from sandpiper.broker.subscriptions import SubscriptionIndex
from sandpiper.common import batch


def test_a_room_is_wanted_once_somebody_subscribed_to_it_or_to_all() -> None:
    index = SubscriptionIndex(batch.topic)
    assert not index.wants("lobby")
    index.add(batch.topic("lobby"))
    assert index.wants("lobby")
    assert not index.wants("pine")
    index.add(b"")
    assert index.wants("pine")


def test_part_of_a_topic_is_a_subscription_too() -> None:
    index = SubscriptionIndex(batch.topic)
    index.add(batch.topic("lobby")[:4])
    assert index.wants("lobby")
    assert index.wants("long")
    assert not index.wants("pine")
