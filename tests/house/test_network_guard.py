"""The suite stays on this machine: both walls hold, under asyncio's loop and under uvloop."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from ganglion.actors.exchange.ccxt import loopback
from tests.network_guard import NetworkGuard, NetworkUseError

# RFC 2606 and RFC 5737: neither exists, so a wall with a hole harms nobody.
FOREIGN_NAME = "venue.invalid"
FOREIGN_ADDRESS = "192.0.2.1"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[str]], str]:
    """Runs a coroutine to its end on a loop of that make."""
    factory = asyncio.new_event_loop
    if request.param == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop

    def run_on_new_loop(work: Awaitable[str]) -> str:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(work)

    return run_on_new_loop


async def get(url: str, **options: object) -> str:
    async with (
        aiohttp.ClientSession(connector=loopback.new_connector()) as session,
        session.get(url, **options) as response,
    ):
        return await response.text()


async def get_from_local_server(host: str) -> str:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return await get(f"http://{host}:{port}/")
    finally:
        await runner.cleanup()


def test_the_whole_suite_runs_under_the_switch():
    assert loopback.loopback_only()


def test_child_processes_inherit_the_switch():
    code = "from ganglion.actors.exchange.ccxt import loopback\nraise SystemExit(0 if loopback.loopback_only() else 1)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("value", "on"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_switch_is_on_unless_it_is_empty_or_zero(monkeypatch, value, on):
    monkeypatch.setenv(loopback.SWITCH, value)
    assert loopback.loopback_only() is on


def test_without_the_switch_sessions_resolve_as_usual(monkeypatch, run):
    monkeypatch.delenv(loopback.SWITCH)

    async def kind() -> str:
        connector = loopback.new_connector()
        await connector.close()
        return type(connector).__name__

    assert run(kind()) == "TCPConnector"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_guarded_session_reaches_a_local_venue(run, host):
    assert run(get_from_local_server(host)) == "hello"


def test_a_guarded_session_refuses_to_look_up_a_foreign_name(run):
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        run(get(f"http://{FOREIGN_NAME}:8443/"))
    cause = refused.value.os_error
    assert isinstance(cause, loopback.LoopbackOnlyError)
    assert (cause.host, cause.port) == (FOREIGN_NAME, 8443)
    assert FOREIGN_NAME in str(cause)
    assert loopback.SWITCH in str(cause)


def test_a_guarded_session_refuses_a_foreign_address(run):
    with pytest.raises(aiohttp.ClientOSError) as refused:
        run(get(f"http://{FOREIGN_ADDRESS}/"))
    assert isinstance(refused.value.__cause__, loopback.LoopbackOnlyError)
    assert FOREIGN_ADDRESS in str(refused.value)


def test_a_guarded_session_refuses_a_foreign_proxy(run):
    with pytest.raises(aiohttp.ClientOSError) as refused:
        run(get("http://127.0.0.1:9/", proxy=f"http://{FOREIGN_ADDRESS}:3128"))
    assert isinstance(refused.value.__cause__, loopback.LoopbackOnlyError)


@pytest.mark.parametrize("lookup", ["getaddrinfo", "gethostbyname", "gethostbyname_ex"])
def test_a_foreign_look_up_in_the_test_process_is_refused(network_guard: NetworkGuard, lookup):
    arguments = (FOREIGN_NAME, 443) if lookup == "getaddrinfo" else (FOREIGN_NAME,)
    with (
        network_guard.expecting_refusals() as refused,
        pytest.raises(NetworkUseError, match=r"venue\.invalid.*127\.0\.0\.1"),
    ):
        getattr(socket, lookup)(*arguments)
    assert refused == [f"{lookup}('{FOREIGN_NAME}')"]


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
def test_a_connection_to_a_foreign_address_is_refused(network_guard: NetworkGuard, call):
    with (
        network_guard.expecting_refusals(),
        socket.socket() as sock,
        pytest.raises(NetworkUseError, match=FOREIGN_ADDRESS),
    ):
        getattr(sock, call)((FOREIGN_ADDRESS, 443))


def test_a_datagram_to_a_foreign_address_is_refused(network_guard: NetworkGuard):
    with (
        network_guard.expecting_refusals(),
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(NetworkUseError, match=FOREIGN_ADDRESS),
    ):
        sock.sendto(b"hello", (FOREIGN_ADDRESS, 53))


def test_an_asyncio_connection_to_a_foreign_name_is_refused(network_guard: NetworkGuard):
    with (
        network_guard.expecting_refusals(),
        pytest.raises(NetworkUseError, match=FOREIGN_NAME),
    ):
        asyncio.run(asyncio.open_connection(FOREIGN_NAME, 443))


def test_local_connections_pass():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(("localhost", server.getsockname()[1])) as client,
    ):
        assert client.getpeername()[0] == "127.0.0.1"


def test_a_swallowed_refusal_is_remembered_and_forgotten_only_where_it_was_expected(
    network_guard: NetworkGuard,
):
    with pytest.raises(NetworkUseError):
        socket.getaddrinfo(FOREIGN_NAME, 443)
    assert network_guard.refused == [f"getaddrinfo('{FOREIGN_NAME}')"]
    network_guard.refused.clear()
    with network_guard.expecting_refusals(), pytest.raises(NetworkUseError):
        socket.getaddrinfo(FOREIGN_NAME, 443)
    assert network_guard.refused == []


def test_uninstalling_puts_the_socket_module_back():
    guarded = socket.getaddrinfo, socket.socket.connect
    second = NetworkGuard()
    second.install()
    assert (socket.getaddrinfo, socket.socket.connect) != guarded
    second.uninstall()
    assert (socket.getaddrinfo, socket.socket.connect) == guarded
    assert loopback.loopback_only()
