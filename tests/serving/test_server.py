"""A real server, with a worker that acts in place of a model: limits, crashes, ends."""

import os
import re
import signal
import socket
import time

import pytest

from macbdf_mm.serving.upload_folder import UploadFolder

TOKEN = "a-token-of-the-tests"
LIMITS = {
    "max_bytes": 100_000,
    "queue_length": 1,
    "upload_seconds": 1.0,
    "time_limit_seconds": 1.5,
}


@pytest.fixture(scope="module")
def server(start_acting):
    server = start_acting(**LIMITS)
    yield server
    assert server.end() == 0
    assert list(server.folder.glob("macbdf-serve-*")) == []


@pytest.fixture(autouse=True)
def _nothing_is_left(server, wait_until):
    yield
    wait_until(lambda: server.health()["num_held"] == 0)
    assert server.uploads == []


def connect(server, *lines, body=b""):
    """Return a connection on which a request, or a part of one, was sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    head = [
        *lines,
        f"Host: 127.0.0.1:{server.port}",
        "Content-Type: video/mp4",
        "Connection: close",
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
    return connection


def post(server, length, body=b"", path="/predict"):
    return connect(server, f"POST {path} HTTP/1.1", f"Content-Length: {length}", body=body)


def read_status(connection):
    with connection:
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return int(answer.split()[1]), answer


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_video_is_scored_and_its_file_goes(server):
    status, headers, answer = server.send(b"x" * 500, x_file_name="my%20video.mp4")
    _, path, mode, size = answer["warnings"]
    assert (status, answer["file"], mode, size) == (200, "my video.mp4", "600", "500")
    assert answer["checkpoint_sha256"] == "d" * 64
    assert path.startswith(f"{server.folder}/macbdf-serve-")
    assert not os.path.exists(path)
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "server" not in headers


def test_the_form_and_the_report(server):
    status, headers, page = server.request("GET", "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'action="/report" method="post" enctype="multipart/form-data"' in page
    assert "at most 0.1 MB" in page
    assert "said of all scores" in page
    assert server.send(b"x", "/report")[2] == "<p>page</p>"


def test_the_published_schema_says_what_it_takes_and_gives(server):
    schema = server.request("GET", "/openapi.json")[2]
    predict = schema["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/octet-stream",
    }
    assert set(predict["responses"]) >= {"200", "408", "413", "422", "429", "504"}
    answer = schema["components"]["schemas"]["ScoredUpload"]["properties"]
    assert {"file", "verdict", "scores", "checkpoint_sha256"} <= set(answer)
    assert server.request("GET", "/docs")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/predict", 405), ("PUT", "/", 405), ("GET", "/a%0Ab", 404)],
)
def test_wrong_routes(server, method, path, status):
    found, headers, answer = server.request(method, path)
    assert found == status
    assert headers["x-content-type-options"] == "nosniff"
    assert "POST /predict" in (answer if path == "/" else answer["error"])


def test_a_file_that_says_it_is_too_large_is_not_waited_for(server):
    with post(server, 100_001) as connection:
        assert b" 413 " in connection.recv(65536).partition(b"\r\n")[0]
    with connect(
        server, "POST /predict HTTP/1.1", "Content-Length: 100001", "Expect: 100-continue"
    ) as connection:
        assert b" 413 " in connection.recv(65536).partition(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/predict", "/report"])
def test_a_file_that_is_too_large_without_saying_so(server, path):
    # More than fits into the buffers of a connection: whoever writes it all can still read why.
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with connect(server, f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked") as connection:
        for _ in range(400):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        status, answer = read_status(connection)
    assert status == 413
    assert b"at most 0.1 MB are taken" in answer
    assert server.uploads == []


def test_the_largest_file(server):
    assert server.send(b"x" * 100_000)[2]["warnings"][3] == "100000"


def test_a_slow_upload(server):
    connection = post(server, 1000, b"x")
    status, answer = read_status(connection)
    assert status == 408
    assert b"did not come within 1 s" in answer


def test_a_full_queue(server, wait_until):
    waiting = [post(server, 10, b"x") for _ in range(2)]
    wait_until(lambda: server.health()["num_held"] == 2)
    status, headers, answer = server.send(b"x")
    assert status == 429
    assert int(headers["retry-after"]) > 0
    assert "holds 2 requests" in answer["error"]
    for connection in waiting:
        connection.sendall(b"x" * 9)
    # One of them waited in the queue.
    assert [connection.recv(12) for connection in waiting] == [b"HTTP/1.1 200"] * 2
    for connection in waiting:
        connection.close()


@pytest.mark.parametrize(
    ("word", "status", "said"),
    [
        (b"kill", 500, "its process was ended by SIGKILL"),
        (b"hang", 504, "The video was not done within 1.5 s"),
        (b"bug", 500, "its log says why"),
        (b"broken", 422, "a<b.mp4 is broken."),
        (b"long", 413, "a<b.mp4 is broken."),
    ],
)
def test_a_video_that_ends_badly_is_an_answer_and_not_the_end(server, word, status, said):
    found, _, answer = server.send(word, x_file_name="a<b.mp4")
    assert (found, said in answer["error"]) == (status, True), answer
    assert server.send(b"x")[0] == 200


def test_a_video_without_a_report_is_a_sentence_above_the_form(server):
    status, _, page = server.send(b"broken", "/report", x_file_name="<b>a.mp4")
    assert (status, "&lt;b&gt;a.mp4 is broken." in page) == (422, True)
    assert 'role="alert"' in page
    assert 'action="/report"' in page


def test_a_bug_has_its_traceback_in_the_log(server):
    server.send(b"bug")
    assert "ZeroDivisionError: a bug of the tests" in server.log


def hanging(server, wait_until):
    """Return the process that computes what hangs."""
    file = server.folder / "hanging"
    wait_until(lambda: file.exists() and file.read_text() and is_alive(int(file.read_text())))
    return int(file.read_text())


def test_the_work_of_a_client_that_goes_away_is_dropped(server, wait_until):
    connection = post(server, 4, b"hang")
    waiting = post(server, 1, b"x")
    pid = hanging(server, wait_until)
    assert len(server.uploads) == 2
    waiting.close()
    wait_until(lambda: server.health()["num_held"] == 1)
    connection.close()
    wait_until(lambda: not is_alive(pid), 2.5)
    assert server.send(b"x")[0] == 200
    assert re.search(r"POST /predict gone 4 bytes 'upload'", server.log)


def test_an_upload_that_is_broken_off(server, wait_until):
    connection = post(server, 1000, b"x")
    wait_until(lambda: server.uploads)
    connection.close()
    wait_until(lambda: not server.uploads)


def test_a_worker_that_is_killed_while_it_computes(server, wait_until):
    connection = post(server, 4, b"hang")
    os.kill(hanging(server, wait_until), signal.SIGKILL)
    status, answer = read_status(connection)
    assert (status, b"SIGKILL" in answer) == (500, True)
    assert server.send(b"x")[0] == 200


def test_a_worker_that_is_killed_while_it_waits(server, wait_until):
    pid = int(server.send(b"x")[2]["warnings"][0])
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)  # The pool has seen it.
    answer = server.send(b"x")[2]
    assert int(answer["warnings"][0]) != pid


def test_the_page_of_another_site_may_not_send_files(server):
    for headers in ({"origin": "http://attacker.example"}, {"sec_fetch_site": "cross-site"}):
        status, _, answer = server.send(b"x", **headers)
        assert (status, "another site" in answer["error"]) == (403, True)
        assert server.send(b"x", "/report", **headers)[0] == 403
    assert server.send(b"x", origin=f"http://127.0.0.1:{server.port}")[0] == 200


@pytest.mark.parametrize("path", ["/", "/health", "/nothing"])
def test_a_name_of_a_stranger_that_resolves_to_us_is_told_nothing(server, path):
    status, _, answer = server.request("GET", path, host="attacker.example")
    assert status == 421
    assert "d" * 64 not in str(answer)


def test_the_log_has_one_line_a_request_and_no_line_of_a_client(server):
    server.send(b"secret content", x_file_name="a%0A2026-01-01%20b%1B[2J.mp4")
    server.request("GET", "/x%0Ay%1B")
    until = time.monotonic() + 10  # A line is written after its answer.
    while "GET /x" not in server.log and time.monotonic() < until:
        time.sleep(0.05)
    lines = server.log.splitlines()
    (first,) = (line for line in lines if "2026-01-01 b" in line)
    (second,) = (line for line in lines if "GET /x" in line)
    assert re.fullmatch(
        r"[-0-9]+ [:0-9]+ 127\.0\.0\.1 POST /predict 200 14 bytes "
        r"'a\\n2026-01-01 b\\x1b\[2J\.mp4' [0-9.]+ s",
        first,
    )
    assert " GET /x\\ny\\x1b 404 " in second
    assert "secret content" not in server.log


@pytest.fixture(scope="module")
def guarded(start_acting):
    server = start_acting(token=TOKEN, time_limit_seconds=60.0)
    yield server
    server.end(signal.SIGKILL)


def test_nothing_is_answered_without_the_token(guarded):
    for path in ("/", "/upload.js", "/health", "/openapi.json", "/nothing"):
        status, headers, answer = guarded.request("GET", path)
        assert status == 401
        assert headers["www-authenticate"].startswith("Basic ")
        assert "d" * 64 not in str(answer)
    assert guarded.send(b"x")[0] == 401
    assert guarded.send(b"x", authorization="Bearer a-token-of-another")[0] == 401
    assert guarded.send(b"x", authorization=f"Bearer {TOKEN}")[0] == 200
    assert TOKEN not in guarded.log


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 0, marks=pytest.mark.slow)],
)
def test_a_server_that_is_ended_while_it_computes_leaves_nothing(
    start_acting, wait_until, number, code
):
    server = start_acting(time_limit_seconds=60.0)
    computed, waiting, coming = (post(server, 4, body) for body in (b"hang", b"hang", b"ha"))
    pid = hanging(server, wait_until)
    wait_until(lambda: server.health()["num_held"] == 3)
    begin = time.monotonic()
    assert server.end(number) == code
    assert time.monotonic() - begin < 5
    for connection in (computed, waiting, coming):
        status, answer = read_status(connection)
        assert (status, b"is being stopped" in answer) == (503, True)
    assert not is_alive(pid)
    assert [path.name for path in server.folder.iterdir()] == ["hanging"]
    assert "Traceback" not in server.log


@pytest.mark.slow
def test_a_killed_server_takes_its_processes_with_it_and_its_files_go_later(
    start_acting, wait_until
):
    server = start_acting(time_limit_seconds=60.0)
    connection = post(server, 4, b"hang")
    pid = hanging(server, wait_until)
    server.end(signal.SIGKILL)
    connection.close()
    wait_until(lambda: not is_alive(pid))
    assert len(server.uploads) == 1
    with UploadFolder(server.folder):
        assert len(list(server.folder.glob("macbdf-serve-*"))) == 1
    assert server.uploads == []
