"""The control socket: whatever comes in, it answers or hangs up, stays open for others, and shows no secret."""

import fcntl
import getpass
import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganglion.bot.control import place
from ganglion.bot.control.client import NotRunningError, call, find_folder
from ganglion.bot.control.place import SOCKET, ControlError, ControlUnusableError
from ganglion.bot.control.protocol import MAX_LINE, Command, CommandError, Effect, read_command
from ganglion.bot.control.scopes import UnknownScopeError, parse_scope
from ganglion.bot.control.server import CLIENTS, DEEDS, ControlServer, RefusedError
from ganglion.bot.secrets import Reference, Scrubber, Secret
from ganglion.messages.trading import BOT_SCOPE
from tests.actors.trading.halts import ALPHA, BTC_AT_ALPHA, GRID

SECRET = "a-secret-of-the-exchange"


class Desk:
    """Carries out commands as simply as can be."""

    def __init__(self) -> None:
        self.heard: list[tuple[Command, str]] = []
        self.go = threading.Event()
        self.go.set()

    def carry_out(self, command: Command, who: str):
        self.heard.append((command, who))
        if command.scope == "unknown":
            raise UnknownScopeError("there is no 'unknown' here")
        if command.scope == "refused":
            raise RefusedError("not now")
        if command.scope == "crash":
            raise ValueError("carried out badly")
        if command.command == "halt":
            assert self.go.wait(10)
        return Effect(command.scope, done=True, told=(f"done {SECRET}",))


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "bot.ganglion"


@pytest.fixture
def server(folder, desk):
    scrubber = Scrubber([Secret(SECRET, Reference("env", "KEY"))])
    with ControlServer(folder, desk.carry_out, scrubber) as running:
        yield running
        desk.go.set()


@pytest.fixture
def connect(folder, server):
    clients: list[socket.socket] = []

    def open_one() -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(5)
        client.connect(str(folder / SOCKET))
        clients.append(client)
        return client

    yield open_one
    for client in clients:
        client.close()


def line_of(client: socket.socket) -> dict:
    with client.makefile("rb") as stream:
        return json.loads(stream.readline() or b"{}")


def said(**fields) -> bytes:
    return json.dumps({"v": 1, "command": "status"} | fields).encode() + b"\n"


def served(connect) -> bool:
    client = connect()
    client.sendall(said(id="alive"))
    answered = line_of(client)["id"] == "alive"
    client.close()
    return answered


# ---------------------------------------------------------------- what is answered


def test_a_command_is_answered_under_its_id_and_its_user_is_known(connect, desk):
    client = connect()
    client.sendall(said(id="x1", scope="alpha", command="reduce"))
    reply = line_of(client)
    assert (reply["id"], reply["ok"], reply["result"]["scope"]) == ("x1", True, "alpha")
    assert desk.heard[0][1] == getpass.getuser()


def test_no_secret_is_ever_sent(connect):
    client = connect()
    client.sendall(said())
    assert line_of(client)["result"]["told"] == ["done ***"]


@pytest.mark.parametrize(
    ("scope", "failed", "text"),
    [("unknown", "unknown_scope", "there is no"), ("refused", "refused", "not now"), ("crash", "failed", "ValueError")],
)
def test_what_can_not_be_done_is_answered_and_the_socket_stays_open(connect, scope, failed, text):
    client = connect()
    client.sendall(said(id=1, scope=scope))
    reply = line_of(client)
    assert (reply["ok"], reply["failed"]) == (False, failed)
    assert text in reply["text"]
    client.sendall(said(id=2))
    assert line_of(client)["ok"]


# ---------------------------------------------------------------- abuse


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"hello\n", "no command"),
        (b"[1, 2]\n", "no command"),
        (b'{"command": "sell everything"}\n', "no command"),
        (b"\xff\xfe\x00\n", "no command"),
        (said(v=2), "this bot speaks 1"),
        (said(timeout_s=-1), "timeout_s -1"),
        (said(timeout_s=1e9), "at most 3600"),
        (said(reason="x" * 501), "500 characters"),
    ],
)
def test_a_line_that_is_no_command_is_answered_with_what_is_wrong(connect, desk, line, says):
    client = connect()
    client.sendall(line)
    reply = line_of(client)
    assert reply["failed"] == "bad_request"
    assert says in reply["text"]
    assert desk.heard == []
    client.sendall(said(id=1))
    assert line_of(client)["ok"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_whatever_bytes_come_the_next_client_is_served(connect, data):
    client = connect()
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    with client.makefile("rb") as stream:
        replies = [json.loads(line) for line in stream]
    client.close()
    assert all(not reply["ok"] for reply in replies)
    assert served(connect)


def test_a_command_that_comes_in_pieces_is_answered_once_it_is_whole(connect):
    client = connect()
    for byte in said(id="slow"):
        client.send(bytes([byte]))
    assert line_of(client)["id"] == "slow"


def test_half_a_line_and_a_hang_up_disturb_nobody(connect, desk):
    client = connect()
    client.sendall(said()[:10])
    client.close()
    assert served(connect)
    assert len(desk.heard) == 1


def test_a_line_without_end_is_refused_and_hung_up_on(connect):
    client = connect()
    client.sendall(b"x" * (MAX_LINE + 2))
    assert "bytes is no command" in line_of(client)["text"]
    assert client.recv(1) == b""
    assert served(connect)


def test_who_hangs_up_before_the_answer_disturbs_nobody(connect, desk):
    desk.go.clear()
    client = connect()
    client.sendall(said(command="halt"))
    client.close()
    assert served(connect)
    desk.go.set()
    assert served(connect)


def test_a_look_is_not_held_up_by_commands_that_wait(connect, desk):
    desk.go.clear()
    waiting = [connect() for _ in range(DEEDS + 2)]
    for client in waiting:
        client.sendall(said(command="halt"))
    assert served(connect)
    desk.go.set()
    assert all(line_of(client)["ok"] for client in waiting)


def test_more_clients_than_there_is_room_for_are_told_so(connect):
    crowd = [connect() for _ in range(CLIENTS)]
    for client in crowd:
        client.sendall(said())
        assert line_of(client)["ok"]
    assert line_of(connect())["failed"] == "busy"
    crowd.pop().close()

    def room() -> bool:
        client = connect()
        try:
            client.sendall(said())
            return line_of(client).get("ok", False)
        except ConnectionError:
            return False

    assert any(room() for _ in range(100))


# ---------------------------------------------------------------- the socket itself


def test_only_the_owner_gets_to_the_socket(folder, server):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600


def test_a_folder_that_others_could_enter_is_closed(folder, desk):
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with ControlServer(folder, desk.carry_out):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_socket_of_a_killed_bot_is_replaced(folder, desk):
    folder.mkdir()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / SOCKET))
    dead.close()
    with ControlServer(folder, desk.carry_out):
        assert call(folder, Command("status")).ok


def test_a_socket_that_is_served_is_not_taken_over(folder, server, desk):
    with pytest.raises(ControlUnusableError, match="another process serves"), ControlServer(folder, desk.carry_out):
        pass
    assert call(folder, Command("status")).ok


def test_the_socket_is_gone_with_its_bot(folder, desk):
    with ControlServer(folder, desk.carry_out):
        pass
    assert not (folder / SOCKET).exists()


def test_another_bots_socket_is_left_where_it_is(folder, desk):
    with ControlServer(folder, desk.carry_out):
        (folder / SOCKET).rename(folder / "kept")
        (folder / SOCKET).write_text("another's")
    assert (folder / SOCKET).read_text() == "another's"


def test_a_path_longer_than_the_system_takes_works_through_its_folder(tmp_path, desk):
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    with ControlServer(deep, desk.carry_out):
        assert call(deep, Command("status")).ok


def test_where_that_way_is_missing_the_error_says_what_to_do(tmp_path, desk, monkeypatch):
    monkeypatch.setattr(place, "_OPEN_FOLDERS", tmp_path / "nothing")
    deep = tmp_path / ("d" * 120)
    with pytest.raises(ControlUnusableError, match=r"set \[bot\] data to a shorter folder"):
        ControlServer(deep, desk.carry_out).__enter__()


def test_a_folder_that_can_not_be_made_is_an_error_that_says_so(tmp_path, desk):
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlUnusableError, match="can't be made"):
        ControlServer(tmp_path / "file" / "bot.ganglion", desk.carry_out).__enter__()


# ---------------------------------------------------------------- who calls


def test_where_no_bot_ever_ran_the_caller_is_told_so(folder):
    folder.mkdir()
    with pytest.raises(NotRunningError, match=r"no bot runs in .*\. Start it with `ganglion run`"):
        call(folder, Command("status"))


def test_where_a_bot_was_killed_the_caller_is_told_which_process_it_was(folder):
    folder.mkdir()
    (folder / "lock").write_text("4711\n")
    with pytest.raises(NotRunningError, match="It was killed: process 4711 is gone, and its orders may be open"):
        call(folder, Command("status"))


def test_a_bot_that_does_not_serve_yet_is_told_apart_from_a_killed_one(folder):
    folder.mkdir()
    (folder / "lock").write_text("4711\n")
    handle = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(NotRunningError, match=r"process 4711 has .* it starts or stops"):
        call(folder, Command("status"))
    os.close(handle)


def test_a_bot_that_hangs_up_is_told(folder):
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / SOCKET))
        listening.listen()

        def take_and_close() -> None:
            listening.accept()[0].close()

        hang_up = threading.Thread(target=take_and_close)
        hang_up.start()
        with pytest.raises(ControlError, match=r"hung up without an answer|broke"):
            call(folder, Command("status"))
        hang_up.join()


def test_the_only_folder_here_is_the_bots(tmp_path):
    (tmp_path / "one.ganglion").mkdir()
    assert find_folder(None, None, tmp_path) == tmp_path / "one.ganglion"


def test_of_two_folders_one_has_to_be_named(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.ganglion").mkdir()
    with pytest.raises(ControlError, match=r"there are one\.ganglion, two\.ganglion: name one with --data"):
        find_folder(None, None, tmp_path)
    with pytest.raises(ControlError, match=r"there is no \*\.ganglion folder"):
        find_folder(None, None, tmp_path / "one.ganglion")


@pytest.mark.parametrize(
    ("text", "name"),
    [("", "bot.ganglion"), ('[bot]\nname = "x"', "x.ganglion"), ('[bot]\nname = "x"\ndata = "kept"', "kept")],
)
def test_a_configuration_names_the_folder_without_its_secrets(tmp_path: Path, text, name):
    config = tmp_path / "bot.toml"
    config.write_text(text + '\n[exchanges.a.credentials]\nkey = "env:NOT_SET_HERE"\n')
    (tmp_path / name).mkdir()
    assert find_folder(None, config, Path("/")) == tmp_path / name


def test_a_folder_or_configuration_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ControlError, match="is no folder: a bot makes it"):
        find_folder(tmp_path / "none", None, tmp_path)
    with pytest.raises(ControlError, match="can't be read"):
        find_folder(None, tmp_path / "none.toml", tmp_path)


# ---------------------------------------------------------------- scopes

ACCOUNTS = {"alpha": ("BTC/USDT", "ETH/USDT"), "both": ("BTC/USDT",)}
MODES = {"grid": "alpha", "both": "alpha"}


@pytest.mark.parametrize(
    ("text", "scope"),
    [("bot", BOT_SCOPE), ("alpha", ALPHA), ("alpha/BTC/USDT", BTC_AT_ALPHA), ("grid", GRID), ("mode:grid", GRID)],
)
def test_a_scope_is_read_as_it_is_written(text, scope):
    assert parse_scope(text, ACCOUNTS, MODES) == scope


def test_a_name_that_is_two_things_has_to_say_which():
    with pytest.raises(UnknownScopeError, match="write account:both or mode:both"):
        parse_scope("both", ACCOUNTS, MODES)
    assert parse_scope("account:both", ACCOUNTS, MODES).kind == "account"
    assert parse_scope("mode:both", ACCOUNTS, MODES).kind == "mode"


@pytest.mark.parametrize("text", ["alhpa", "alpha/BTC", "beta/BTC/USDT", "", "mode:alpha", "account:grid"])
def test_an_unknown_scope_is_told_what_there_is(text):
    with pytest.raises(UnknownScopeError, match="Scopes: bot; accounts alpha, both; markets alpha/BTC/USDT"):
        parse_scope(text, ACCOUNTS, MODES)


def test_a_command_of_another_version_says_what_to_use():
    with pytest.raises(CommandError, match="use its own ganglion"):
        read_command(b'{"command": "status", "v": 9}')
