"""The gate: what headers alone decide. Keys, hosts, sizes, ids, deadlines; an error is always one of ours."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.endpoints import gate as gate_module
from server.endpoints import router_clock
from server.endpoints.framing import Headers
from server.endpoints.gate import OPEN_PATHS, Gate
from server.errors import ServerError

KEY, OTHER = "a-key-of-some-length", "another-key-of-length"
JSON = (b"content-type", b"application/json")
HOST = (b"host", b"example.org")


def made(*keys: str, max_body_bytes: int = 1000) -> Gate:
    """A gate with a deadline of 25 s."""
    return Gate(keys=keys, max_body_bytes=max_body_bytes, deadline_seconds=25.0)


def refusal(headers: Headers, gate: Gate | None = None) -> ServerError:
    """The error of a prediction's headers."""
    with pytest.raises(ServerError) as caught:
        (gate or made()).admit(headers)
    return caught.value


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clocks stand still: 1000 s monotonic, Unix time 2,000,000 s."""
    monkeypatch.setattr(gate_module, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(router_clock, "time", lambda: 2_000_000.0)


@pytest.mark.usefixtures("clock")
def test_a_usual_request_passes() -> None:
    admission = made().admit([HOST, JSON, (b"content-length", b"64"), (b"x-request-id", b"abc-1"), (b"accept", b"*/*")])
    assert admission.request_id == b"abc-1"
    assert admission.deadline == 1025.0
    assert (admission.cold, admission.has_host) == (False, True)


def test_no_header_at_all_passes_but_is_told() -> None:
    admission = made().admit([])
    assert (admission.request_id, admission.has_host) == (None, False)


@pytest.mark.parametrize(
    ("values", "forbids"),
    [
        ([b"no-store"], True),
        ([b"No-Store"], True),
        ([b"max-age=0, \tno-store "], True),
        ([b"max-age=0", b"no-store"], True),
        ([b"no-store", b"max-age=0"], True),
        ([b"no-cache"], False),
        ([b"x-no-store, no-storey"], False),
        ([], False),
    ],
)
def test_cache_control_may_forbid_to_store(values: list[bytes], forbids: bool) -> None:
    for name in (b"cache-control", b"Cache-Control", b"CACHE-control"):
        assert made().admit([HOST, *[(name, value) for value in values]]).no_store is forbids


@pytest.mark.parametrize("name", ["content-length", "Content-Length", "CONTENT-LENGTH", "cOnTeNt-LeNgTh"])
def test_names_count_in_any_case(name: str) -> None:
    gate = made()
    for _ in range(2):  # the second time the spelling is known
        assert refusal([(name.encode(), b"1001")], gate).code == "body_too_large"
        gate.admit([(name.encode(), b"1000")])


@pytest.mark.parametrize(("length", "passes"), [(b"0", True), (b"1000", True), (b"1001", False), (b"9" * 23, False)])
def test_size(length: bytes, passes: bool) -> None:
    if passes:
        made().admit([(b"content-length", length)])
    else:
        error = refusal([(b"content-length", length)])
        assert (error.code, error.status) == ("body_too_large", 413)


@pytest.mark.parametrize("length", [b"", b"-1", b"+3", b"1.0", b" 1", b"1e3", b"0x10", b"\xb2", "٣".encode()])
def test_a_length_that_is_no_number(length: bytes) -> None:
    assert refusal([(b"content-length", length)]).code == "bad_request"


def test_a_length_beyond_what_python_reads_is_too_large() -> None:
    assert refusal([(b"content-length", b"9" * 10_000)]).code == "body_too_large"


@pytest.mark.parametrize(
    "host", [b"example.org", b"example.org:8000", b"[::1]:8000", b"127.0.0.1", b"", b"a_b.c", b"xn--e1afmkfd.org"]
)
def test_good_hosts(host: bytes) -> None:
    gate = made()
    for _ in range(2):
        assert gate.admit([(b"host", host)]).has_host
    gate.check_host([(b"host", host)], "1.1")


@pytest.mark.parametrize("host", [b"a/b?c#d", b"a b", b"a\x00b", b"a\r\nb", b"\xff", b"user@host", b'a"b', b"a\\b"])
def test_bad_hosts(host: bytes) -> None:
    gate = made()
    gate.admit([HOST])
    assert refusal([(b"host", host)], gate).code == "bad_request"
    with pytest.raises(ServerError):
        gate.check_host([(b"host", host)], "1.1")


@pytest.mark.fault(2)
def test_one_host_and_only_one() -> None:
    assert refusal([HOST, HOST]).code == "bad_request"
    for headers, version in product(([HOST, HOST], [HOST, (b"host", b"other")]), ("1.0", "1.1")):
        with pytest.raises(ServerError, match="exactly one Host"):
            made().check_host(headers, version)
    with pytest.raises(ServerError, match="exactly one Host"):
        made().check_host([], "1.1")
    made().check_host([], "1.0")


@pytest.mark.parametrize("name", [b"Expect", b"Origin", b"Upgrade"])
def test_what_the_application_alone_knows_is_cold(name: bytes) -> None:
    assert made().admit([HOST, (name, b"x")]).cold


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity", b"chunked, chunked", b"xchunked", b""])
def test_a_body_is_chunked_or_as_it_is(coding: bytes) -> None:
    assert refusal([HOST, (b"Transfer-Encoding", coding)]).code == "bad_request"


def test_chunks_are_taken() -> None:
    made().admit([HOST, (b"Transfer-Encoding", b"Chunked ")])


def test_blanks_after_a_value_are_no_part_of_it() -> None:
    gate = made()
    headers = [(b"Host", b"example.org \t"), (b"Content-Length", b"31 "), (b"X-Request-ID", b"a-1\t")]
    assert gate.admit(headers).request_id == b"a-1"
    assert gate.identify([(b"x-request-id", b"a-1 ")]) == b"a-1"
    gate.check_host([(b"host", b"example.org ")], "1.1")
    assert refusal([(b"Content-Length", b"1001 ")], gate).code == "body_too_large"


@pytest.mark.parametrize("value", [b"a", b"A-1", b"x" * 64, b"0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_a_well_formed_request_id_is_kept(value: bytes) -> None:
    gate = made()
    assert gate.admit([(b"X-Request-ID", value)]).request_id == value
    assert gate.identify([(b"x-request-id", value)]) == value


@pytest.mark.parametrize("value", [b"", b"x" * 65, b"a b", b"a\r\nb: c", b"a\n", b"\x1b[31m", b"\xff", b'"'])
def test_any_other_request_id_is_replaced(value: bytes) -> None:
    gate = made()
    assert gate.admit([(b"x-request-id", value)]).request_id is None
    first, second = gate.identify([(b"x-request-id", value)]), gate.identify([])
    assert value not in (first, second)
    assert first != second
    assert gate.admit([(b"x-request-id", first)]).request_id == first


def test_ids_differ_between_processes() -> None:
    gate = made()
    before = gate.next_id()
    ids = [before, *(gate.next_id() for _ in range(4200))]
    prefix = before.split(b"-")[0]
    assert ids == [b"%b-%x" % (prefix, number) for number in range(1, 4202)]
    gate.renew_ids()
    assert gate.next_id().split(b"-")[0] != before.split(b"-")[0]


@pytest.mark.fault(33)
@pytest.mark.usefixtures("clock")
def test_time_spent_before_us_counts() -> None:
    gate = made()
    assert gate.admit([(b"x-request-start", b"2000000000")]).deadline == 1025.0
    assert gate.admit([(b"X-Request-Start", b"1999970000")]).deadline == pytest.approx(995.0)
    assert gate.deadline(1000.0, b"1999999000") == pytest.approx(1024.0)
    assert gate.deadline(1000.0, None) == 1025.0


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=6))
def test_any_headers_pass_or_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    gate = made(KEY)
    outcome(gate, headers)
    with pytest.raises(ServerError):
        gate.authorise("/predict", [(name, value) for name, value in headers if name != b"authorization"])


KNOWN = st.sampled_from(
    [
        b"host",
        b"content-length",
        b"content-type",
        b"x-request-id",
        b"x-request-start",
        b"content-encoding",
        b"connection",
    ]
)


@given(st.lists(st.tuples(KNOWN, st.binary(max_size=20)), max_size=6))
def test_any_values_pass_or_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    outcome(made(), headers)


def outcome(gate: Gate, headers: Headers) -> None:
    """Admits or refuses; nothing else may happen."""
    try:
        gate.admit(headers)
    except ServerError as error:
        if error.status not in (400, 413):
            raise


def test_hostile_spellings_do_not_grow_the_memory() -> None:
    gate = made()
    before = dict(gate_module._SPELLINGS)
    for number in range(5000):
        gate.admit([(b"x-%d" % number, b"")])
    assert before == gate_module._SPELLINGS
    assert refusal([(b"CONTENT-length", b"1001")], gate).code == "body_too_large"


def allowed(gate: Gate, *values: bytes, path: str = "/predict") -> bool:
    """Whether these Authorization headers open a path."""
    try:
        gate.authorise(path, [HOST, *((b"authorization", value) for value in values)])
    except ServerError as error:
        if (error.code, error.status, error.headers) != ("unauthorized", 401, {"www-authenticate": "Bearer"}):
            raise
        return False
    return True


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_every_key_opens(key: str) -> None:
    gate = made(KEY, OTHER)
    assert gate.keyed
    assert allowed(gate, f"Bearer {key}".encode())
    assert allowed(gate, f"bearer {key}".encode())
    assert allowed(gate, f"Bearer   {key} ".encode())


@pytest.mark.fault(56)
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        KEY.encode(),
        f"Basic {KEY}".encode(),
        f"Bearer {KEY}x".encode(),
        f"Bearer {KEY[:-1]}".encode(),
        f"Bearer {KEY.upper()}".encode(),
        f"Bearer {KEY} {OTHER}".encode(),
        f"Bearer {KEY},{OTHER}".encode(),
        b"Bearer \xff\xfe",
        "Bearer schlüssel-der-lang-ist".encode(),
        b"Bearer " + b"x" * 1_000_000,
    ],
)
def test_nothing_else_opens(value: bytes) -> None:
    assert not allowed(made(KEY, OTHER), value)


@pytest.mark.fault(56)
def test_a_key_is_asked_once() -> None:
    gate = made(KEY)
    assert not allowed(gate)
    assert not allowed(gate, f"Bearer {KEY}".encode(), f"Bearer {KEY}".encode())


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/metrics", "/models", "/predict", "/health/", "//health", "/Health", ""]
)
def test_keys_guard_everything_but_health(path: str) -> None:
    assert not allowed(made(KEY), path=path)


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_health_needs_no_key(path: str) -> None:
    assert allowed(made(KEY), path=path)
    assert allowed(made(KEY), b"Bearer wrong", path=path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "KEY'"),
        ([b"Basic dTpw"], "does not begin with 'Bearer '"),
        ([b"Bearer wrong"], "the key that came is not one"),
        ([b"Bearer"], "the key that came is not one"),
        ([b"Bearer " + KEY.encode()] * 2, "once: there are 2 such headers"),
    ],
)
def test_who_has_no_key_is_told_what_is_wrong_and_never_a_key(values: list[bytes], said: str) -> None:
    with pytest.raises(ServerError) as caught:
        made(KEY).authorise("/predict", [HOST, *((b"authorization", value) for value in values)])
    assert caught.value.message.startswith("send a key of this server as 'Authorization: Bearer KEY'")
    assert caught.value.message.endswith(said)
    assert KEY not in caught.value.message


def test_without_keys_all_is_open() -> None:
    gate = made()
    assert not gate.keyed
    assert allowed(gate)
    assert allowed(gate, b"Bearer whatever")


def admits_admin(gate: Gate, *values: bytes) -> str:
    """What becomes of a control call: a code, or nothing."""
    try:
        gate.authorise_admin([(b"authorization", value) for value in values])
    except ServerError as error:
        return error.code
    return ""


def test_an_admin_key_opens_control_and_all_else() -> None:
    gate = Gate(keys=[KEY], admin_keys=[OTHER], max_body_bytes=10, deadline_seconds=25.0)
    assert gate.controlled
    assert allowed(gate, f"Bearer {OTHER}".encode())
    assert admits_admin(gate, f"Bearer {OTHER}".encode()) == ""
    for values in ([], [f"Bearer {KEY}".encode()], [b"Bearer "], [f"Bearer {OTHER}".encode()] * 2, [OTHER.encode()]):
        assert admits_admin(gate, *values) == "unauthorized"


def test_an_admin_key_alone_guards_only_control() -> None:
    gate = Gate(keys=[], admin_keys=[OTHER], max_body_bytes=10, deadline_seconds=25.0)
    assert not gate.keyed
    assert allowed(gate)
    assert admits_admin(gate) == "unauthorized"


def test_without_admin_keys_there_is_no_control() -> None:
    gate = made(KEY)
    assert not gate.controlled
    assert admits_admin(gate, f"Bearer {KEY}".encode()) == "unsupported"


def test_size_of_a_body_without_a_length() -> None:
    gate = made(max_body_bytes=10)
    gate.check_size(10)
    with pytest.raises(ServerError, match="larger than the 10 bytes"):
        gate.check_size(11)


@pytest.mark.usefixtures("clock")
def test_a_start_that_a_client_wrote_before_the_routers_moves_no_deadline_of_others() -> None:
    """The router's clock is 30 s behind ours, which the first requests teach; a client claims to have come just now."""
    gate, behind, now = made(), (b"x-request-start", b"1999970000"), (b"x-request-start", b"2000000000")
    usual = [gate.admit([HOST, JSON, behind]).deadline for _ in range(3)]
    assert gate.admit([HOST, JSON, now, behind]).deadline == usual[-1]
    assert gate.admit([HOST, JSON, behind]).deadline == usual[-1] == 1025.0


@pytest.mark.usefixtures("clock")
def test_what_requests_waited_counts_in_the_numbers_where_a_router_is_declared_alone() -> None:
    gates = made(), Gate(keys=[], max_body_bytes=10, deadline_seconds=25.0, behind_router=True)
    for gate in gates:
        for start in (b"2000000000", b"1999970000"):
            gate.admit([HOST, (b"x-request-start", start)])
    assert [gate.router for gate in gates] == [(0.0, 0), (pytest.approx(30.0), 2)]


def test_one_transfer_encoding_and_only_one() -> None:
    chunked = (b"transfer-encoding", b"chunked")
    made().admit([HOST, JSON, chunked])
    error = refusal([HOST, JSON, chunked, chunked])
    assert (error.code, error.headers) == ("bad_request", {"connection": "close"})


def test_a_length_is_checked_whatever_the_request_is_for() -> None:
    gate = made(max_body_bytes=10)
    gate.check_lengths([HOST, (b"content-length", b"10")])
    for length, code in ((b"11", "body_too_large"), (b"9" * 5000, "body_too_large"), (b"x", "bad_request")):
        with pytest.raises(ServerError) as raised:
            gate.check_lengths([HOST, (b"content-length", length)])
        assert (raised.value.code, raised.value.headers) in ((code, {"connection": "close"}), ("bad_request", {}))
