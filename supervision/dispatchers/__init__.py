"""Three drivers of one dispatcher: an asyncio loop per arm, a plain thread, and none at all (virtual time)."""

from ganglion.supervision.dispatchers.base import Dispatcher, Timer
from ganglion.supervision.dispatchers.fence import Fence
from ganglion.supervision.dispatchers.loop import LoopDispatcher
from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher
from ganglion.supervision.dispatchers.thread import ThreadDispatcher

__all__ = ["Dispatcher", "Fence", "LoopDispatcher", "SimulatedDispatcher", "ThreadDispatcher", "Timer"]
